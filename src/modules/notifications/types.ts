/**
 * What notifications are about, as far as a customer can choose whether their devices tell them. What concerns the safety
 * of their account ('security') is always told.
 */
export const CHOSEN_TYPES = {
  topup: 'A top-up was received',
  tranche: 'A tranche was entered',
  budget: 'The budget is nearly used, or used up',
  bill: 'A bill was issued',
  'bill-due': 'A bill is due soon',
  unusual: 'Consumption is unusual',
  announcement: 'Announcements to many; an urgent one (power cut, danger) is told in any case',
  message: 'Messages of the agency',
  ticket: 'Answers to requests',
  'meter-link': 'Who may follow a meter',
} as const

export type ChosenType = keyof typeof CHOSEN_TYPES
