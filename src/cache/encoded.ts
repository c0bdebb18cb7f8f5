/** An answer as the bytes to send. */
export const encoded = (answer: string | Buffer): Buffer =>
  typeof answer === 'string' ? Buffer.from(answer) : answer
