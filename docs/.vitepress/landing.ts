/** What the landing page shows above its text: Markdown's formatter keeps no nested front matter. */
export const landing = {
  hero: {
    name: 'omnitenant',
    text: 'Multi-tenancy for Node, on MikroORM and PostgreSQL',
    tagline:
      'One application, many customers, each in a schema, a database, or rows of its own. You write orm.em.find(Task, {}), and it reads the rows of the current tenant.',
    actions: [
      { theme: 'brand', text: 'Tutorial', link: '/guide/tutorial' },
      { theme: 'alt', text: 'Getting started', link: '/guide/getting-started' },
      { theme: 'alt', text: 'Comparison', link: '/guide/comparison' },
    ],
  },
  features: [
    {
      title: 'PostgreSQL enforces the isolation',
      details:
        'Every statement is sent with its tenant’s schema, role or row-level security key, in one transaction and one round trip. This includes raw SQL, and holds behind PgBouncer. The threat model says what SQL that names another schema can reach. Without a tenant there is an error, and no connection.',
      link: '/threat-model',
      linkText: 'Threat model',
    },
    {
      title: 'A fleet costs one query',
      details:
        'omnitenant finds out in 33 ms that 10,000 tenants have nothing to migrate. Otherwise it compiles the migration once, tries a few tenants first, and resumes after a failure.',
      link: '/guide/migrations',
      linkText: 'Migrations',
    },
    {
      title: 'Every claim is a test that you can run',
      details:
        'Each line of the threat model names its test. The suites are published, and a leak test searches your application’s answers for another tenant’s data.',
      link: '/guide/leak-test',
      linkText: 'Leak test',
    },
  ],
};
