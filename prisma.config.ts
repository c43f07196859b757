import { defineConfig } from 'prisma/config';

// The CLI is for authoring and for looking; the product itself applies its migrations at start (libs/store-prisma/database/migrate.ts).
const url = process.env['DATABASE_URL'];

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  // `prisma generate` needs no database.
  ...(url === undefined ? {} : { datasource: { url } }),
});
