import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';

/** The blog for a test, on an empty database. Its modules read the environment when they are loaded, so a process can have it once. */
export async function startBlog(databaseUrl: string) {
  process.env.DATABASE_URL = databaseUrl;
  const { AppModule } = await import('../src/app.module.ts');
  const { tenancy } = await import('../src/tenancy.ts');
  const app = await NestFactory.create(AppModule, { logger: ['error'], abortOnError: false });
  await app.setGlobalPrefix('api').listen(0, '127.0.0.1');
  await tenancy.tenants.create({ id: 'acme' });
  const { port } = app.getHttpServer().address();
  return { app, port, host: 'acme.localhost', [Symbol.asyncDispose]: () => app.close() };
}
