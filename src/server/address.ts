/** Whether a connection's address (`host:port`, `[host]:port`) is of this machine. */
export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address.startsWith('[::1]') || address.startsWith('[::ffff:127.');
}
