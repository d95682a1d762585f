export { createWebhooks, type Webhooks, type WebhooksOptions, type WebhooksOrm } from './create-webhooks.ts';
export type { RetryOptions } from './deliver.ts';
export type { WebhookEndpoint } from './endpoint.ts';
