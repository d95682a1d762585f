import { generateApi } from './api.ts';
import { generateCli } from './cli.ts';

await generateCli();
await generateApi();
