import { type AskOptions, ask } from '@omnitenant/tooling/http-client';

/** What the answers of the blog hold. */
export interface Answered {
  readonly user: { readonly token: string; readonly username: string };
  readonly profile: { readonly following: boolean };
  readonly article: {
    readonly slug: string;
    readonly favorited: boolean;
    readonly favoritesCount: number;
    readonly author: { readonly username: string; readonly following: boolean };
  };
  readonly articles: readonly { readonly slug: string }[];
  readonly articlesCount: number;
  readonly comment: { readonly id: number };
  readonly comments: readonly { readonly body: string; readonly author: { readonly username: string } }[];
  readonly tags: readonly string[];
}

/** Asks the blog at a host, such as `client(port, 'localhost')('POST /users', { body })`. */
export function client(port: number, host: string) {
  return async (call: string, options?: AskOptions): Promise<{ status: number; body: Answered }> => {
    const [method = '', path = ''] = call.split(' ');
    const { status, body } = await ask(port, [method, `${host}/api${path}`], options);
    return { status, body: body as Answered };
  };
}

export function registration(username: string) {
  return { body: { user: { username, email: `${username}@mail.test`, password: `${username}'s secret` } } };
}
