import type { App } from '../../http/index.ts'
import { contextOf, type Services } from '../../services.ts'
import { searchCustomers, showCustomer } from './customers.ts'
import { CustomerDetail, CustomerPage, CustomerQuery, IdParams } from './schema.ts'

const tags = ['staff: customers']

export function customersRoutes(app: App, services: Services): void {
  app.get(
    '/v1/admin/customers',
    {
      config: { access: 'staff' },
      schema: {
        tags,
        summary: 'Find customers by phone, meter or name',
        description:
          'An agent finds the customers with an active link in their agency. Every customer shown is noted in the audit.',
        querystring: CustomerQuery,
        response: { 200: CustomerPage },
      },
    },
    request => {
      const { query, limit = 20, cursor } = request.query
      const page = { query, limit, ...(cursor === undefined ? {} : { cursor }) }
      return searchCustomers(contextOf(services, request), page)
    },
  )
  app.get(
    '/v1/admin/customers/:id',
    {
      config: { access: 'staff' },
      schema: {
        tags,
        summary: 'One customer: profile, devices, links',
        params: IdParams,
        response: { 200: CustomerDetail },
      },
    },
    request => showCustomer(contextOf(services, request), request.params.id),
  )
}
