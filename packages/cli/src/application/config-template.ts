interface Answers {
  /** The path of the application's MikroORM configuration. */
  readonly mikroOrm: string | undefined;
  readonly base: string;
  readonly isolation: string;
}

/** The text of a new `omnitenant.config.ts`. */
export function configText({ mikroOrm, base, isolation }: Answers): string {
  const imports = [
    mikroOrm === undefined
      ? imported('{ defineConfig as defineMikroOrm }', '@mikro-orm/postgresql')
      : imported('config', `./${mikroOrm}`),
    imported('{ defineConfig }', '@omnitenant/cli'),
    imported('{ createTenancy, fromSubdomain }', '@omnitenant/core'),
    imported('{ createOrm }', '@omnitenant/orm'),
  ];
  return `${imports.join('\n')}
${mikroOrm === undefined ? ownMikroOrm : ''}
export default defineConfig(async () => {
  const orm = await createOrm(config, { isolation: '${isolation}' });
  const tenancy = createTenancy({ resources: [orm], resolver: fromSubdomain('${base}') });
  return { tenancy, orm };
});
`;
}

function imported(what: string, from: string): string {
  return `import ${what} from '${from}';`;
}

const ownMikroOrm = `
const config = defineMikroOrm({
  clientUrl: process.env.DATABASE_URL ?? 'postgres://localhost:5432/app',
  entities: [], // your entities
  migrations: { path: './migrations' },
});
`;
