/** What counts as the address of a broker, wherever one is given. */

export function isBrokerUrl(text: string): boolean {
  return /^(?:nats|tls|wss?):\/\/[^\s]+$/.test(text) || /^[\w.-]+:\d+$/.test(text)
}
