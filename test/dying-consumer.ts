// node dying-consumer.ts <url> <prefix> <random>: takes `normal` messages in four slots and prints what it has done.
import { rabbitMqBroker } from '../src/tasks/index.ts'

const [url = '', prefix = '', random = '0'] = process.argv.slice(2)
const broker = rabbitMqBroker({
  url,
  name: 'dying',
  prefix,
  random: () => Number(random),
  onError: error => console.error(error),
})
await broker.consume('normal', 4, async ({ payload }) => {
  const { deadlyAfterMs, name } = payload as { deadlyAfterMs?: number; name?: string }
  if (deadlyAfterMs === undefined) console.log(name)
  else {
    if (deadlyAfterMs > 0) await new Promise(done => setTimeout(done, deadlyAfterMs))
    process.kill(process.pid, 'SIGKILL')
  }
})
