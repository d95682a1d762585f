/** A name as SQL quotes it. */
export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** A text as SQL quotes it. */
export function quoteText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** A database in a grant, where an underscore would stand for any character, and so for databases of others. */
export function quoteGranted(name: string): string {
  return quoteName(name.replaceAll(/[\\_%]/g, String.raw`\$&`));
}

/** A user as SQL quotes it. */
export function quoteUser(user: string, host: string): string {
  return `${quoteText(user)}@${quoteText(host)}`;
}
