// What an app with Prisma does: prints what its transactions ended with. Run where Prisma is installed.
import { pathToFileURL } from "node:url";

const [databaseUrl = "", publishFile = ""] = process.argv.slice(2);
const { publish } = await import(publishFile);
const here = (path: string) => pathToFileURL(`${process.cwd()}/${path}`).href;
const { PrismaPg } = await import(here("node_modules/@prisma/adapter-pg/dist/index.mjs"));
const { PrismaClient } = await import(here("generated/client.ts"));

const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: databaseUrl }) });
const order = (id: number, type: string) =>
  prisma.$transaction(async (tx: typeof prisma) => {
    await tx.order.create({ data: { id } });
    return publish(tx, { type, payload: { id, text: `it's \\ "?" $1` }, channel: "shop" });
  });
const refused = await order(2, "no.such.type").catch((error: unknown) => error);
const rolledBack = await prisma
  .$transaction(async (tx: typeof prisma) => {
    await tx.order.create({ data: { id: 3 } });
    throw new Error(`after ${await publish(tx, { type: "message.created", payload: {} })}`);
  })
  .catch((error: Error) => error.message);
const cause = refused.meta?.driverAdapterError?.cause;
process.stdout.write(JSON.stringify({ id: await order(1, "message.created"), cause, rolledBack }));
await prisma.$disconnect();
