import type { CompanyData } from './companies.ts';

/** A way to come to the tracker by HTTP, and what is behind it. */
export interface Door {
  readonly foundBy: string;
  readonly host: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whose rows are behind it; without one, nobody's. */
  readonly tenant?: string;
  readonly status: number;
}

/** Three doors to each active company. */
export function openDoors(companies: readonly CompanyData[]): Door[] {
  return companies
    .filter(({ suspended }) => !suspended)
    .flatMap(({ id, domain }) => [
      { foundBy: 'subdomain', host: `${id}.localhost`, tenant: id, status: 200 },
      { foundBy: 'custom domain', host: domain, tenant: id, status: 200 },
      { foundBy: 'header', host: 'localhost', headers: { 'x-tenant': id }, tenant: id, status: 200 },
    ]);
}

/** The doors that lead to no tenant. */
export function otherDoors(companies: readonly CompanyData[]): Door[] {
  return [
    { foundBy: 'public host', host: 'localhost', status: 200 },
    ...companies
      .filter(({ suspended }) => suspended)
      .map(({ id }) => ({ foundBy: 'suspended', host: `${id}.localhost`, status: 403 })),
    { foundBy: 'unknown', host: 'nobody.localhost', status: 404 },
    { foundBy: 'unknown', host: 'tracker.elsewhere.example', status: 404 },
    { foundBy: 'nothing', host: '127.0.0.1', status: 400 },
  ];
}
