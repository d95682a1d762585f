import { defineConfig } from '@omnitenant/cli';
import { orm, tenancy } from './src/tenancy.ts';

export default defineConfig({ tenancy, orm });
