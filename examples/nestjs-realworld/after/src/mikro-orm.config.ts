import { join } from 'node:path';
import { ReflectMetadataProvider } from '@mikro-orm/decorators/legacy';
import { Migrator } from '@mikro-orm/migrations';
import { defineConfig } from '@mikro-orm/postgresql';
import { forTenants } from '@omnitenant/orm';
import { Article } from './article/article.entity.ts';
import { Comment } from './article/comment.entity.ts';
import { User } from './user/user.entity.ts';

const config = defineConfig({
  clientUrl: process.env.DATABASE_URL ?? 'postgres://localhost/blog',
  entities: [User, Article, Comment],
  metadataProvider: ReflectMetadataProvider,
  extensions: [Migrator],
  migrations: { path: join(import.meta.dirname, 'migrations'), snapshotName: '.snapshot-blog' },
});

export default forTenants(config);
