/** What tokens are signed with. */
export const SECRET = process.env.SECRET ?? 'only for development, of thirty-two bytes';
