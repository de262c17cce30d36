// posthorn/publish: publishes inside the caller's own transaction. No dependencies: it runs on the driver that is there.
export {
  createPublisher,
  publish,
  type Publication,
  type Publish,
  type Publisher,
} from "./publisher.ts";
export type { Executor } from "./executors.ts";
