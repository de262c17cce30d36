// Which view stands at which address. Each is a chunk of its own, which is loaded when somebody goes there.
import { Route, Switch } from "wouter";

import { linkTo, paths } from "./address/links.ts";
import { chunk } from "./chunk.tsx";
import { Empty } from "./parts/states.tsx";
import { View } from "./parts/view.tsx";
import { useIsEverywhere, useMay } from "./session/session.ts";

const Overview = chunk(() => import("./views/overview/overview.tsx"));
const Webhooks = chunk(() => import("./views/webhooks/webhooks.tsx"));
const Webhook = chunk(() => import("./views/webhook/webhook.tsx"));
const CreateWebhook = chunk(() => import("./views/webhook-form/create.tsx"));
const EditWebhook = chunk(() => import("./views/webhook-form/edit.tsx"));
const EventTypes = chunk(() => import("./views/event-types/event-types.tsx"));
const EventType = chunk(() => import("./views/event-types/event-type.tsx"));
const CreateEventType = chunk(() => import("./views/event-types/create.tsx"));
const Keys = chunk(() => import("./views/keys/keys.tsx"));
const Deliveries = chunk(() => import("./views/deliveries/deliveries.tsx"));
const Delivery = chunk(() => import("./views/delivery/delivery.tsx"));
const Events = chunk(() => import("./views/events/events.tsx"));
const Event = chunk(() => import("./views/event/event.tsx"));
const Replays = chunk(() => import("./views/replays/replays.tsx"));
const Replay = chunk(() => import("./views/replays/replay.tsx"));
const Find = chunk(() => import("./views/find/find.tsx"));

export function Routes() {
  const may = useMay();
  const isOfOne = !useIsEverywhere(); // tenant
  return (
    <Switch>
      <Route path={paths.overview} component={Overview} />
      <Route path={paths.webhooks} component={Webhooks} />
      {may("whole") && <Route path={paths.newWebhook} component={CreateWebhook} />}
      {may("manage") && <Route path="/webhooks/:id/edit" component={EditWebhook} />}
      {isOfOne && <Route path="/webhooks/:id" component={Webhook} />}
      <Route path={paths.eventTypes} component={EventTypes} />
      {may("types") && <Route path={paths.newEventType} component={CreateEventType} />}
      <Route path="/event-types/:name" component={EventType} />
      {may("admin") && <Route path={paths.keys} component={Keys} />}
      <Route path={paths.deliveries} component={Deliveries} />
      {isOfOne && <Route path="/deliveries/:id" component={Delivery} />}
      <Route path={paths.events} component={Events} />
      {isOfOne && <Route path="/events/:id" component={Event} />}
      {isOfOne && <Route path={paths.replays} component={Replays} />}
      {isOfOne && <Route path="/replays/:id" component={Replay} />}
      <Route path={paths.find} component={Find} />
      <Route component={Nowhere} />
    </Switch>
  );
}

function Nowhere() {
  const isEverywhere = useIsEverywhere();
  return (
    <View title="Nothing here">
      <Empty
        title={
          isEverywhere
            ? "This is of one tenant: choose it beside"
            : "There is no such page, or this key may not use it"
        }
        action={<a href={linkTo(paths.overview)}>Overview</a>}
      />
    </View>
  );
}
