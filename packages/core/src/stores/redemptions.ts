/** Which tokens have been used, for tokens that are good for one use in all processes. */
export interface TokenRedemptions {
  /** Uses a token, by its id. Resolves to whether it was unused. An id may be forgotten a day after the token has expired. */
  redeem(id: string, expiresAt: Date): Promise<boolean>;
}
