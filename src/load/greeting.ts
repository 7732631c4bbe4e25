/** How a connection of a load begins: who it is, and what it sends for that. */
export interface LoadCredentials {
  /** Empty: the default one. */
  readonly user: string;
  /** Empty: none is given. */
  readonly password: string;
}

/** What a connection sends before anything else. It is open once so many replies have come and none is an error. */
export interface Greeting {
  readonly bytes: Buffer;
  readonly replyCount: number;
}
