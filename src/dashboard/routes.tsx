// Which view stands at which address. Each is a chunk of its own, which is loaded when somebody goes there.
import { lazy, Suspense } from "react";
import { Route, Switch } from "wouter";

import { linkTo, paths } from "./address/links.ts";
import { Empty, Loading } from "./parts/states.tsx";
import { View } from "./parts/view.tsx";
import { useMay } from "./session/session.ts";

const Overview = lazy(() => import("./views/overview/overview.tsx"));
const Webhooks = lazy(() => import("./views/webhooks/webhooks.tsx"));
const Webhook = lazy(() => import("./views/webhook/webhook.tsx"));
const CreateWebhook = lazy(() => import("./views/webhook-form/create.tsx"));
const EditWebhook = lazy(() => import("./views/webhook-form/edit.tsx"));
const EventTypes = lazy(() => import("./views/event-types/event-types.tsx"));
const EventType = lazy(() => import("./views/event-types/event-type.tsx"));
const CreateEventType = lazy(() => import("./views/event-types/create.tsx"));
const Keys = lazy(() => import("./views/keys/keys.tsx"));
const Deliveries = lazy(() => import("./views/deliveries/deliveries.tsx"));
const Delivery = lazy(() => import("./views/delivery/delivery.tsx"));
const Events = lazy(() => import("./views/events/events.tsx"));
const Event = lazy(() => import("./views/event/event.tsx"));
const Replays = lazy(() => import("./views/replays/replays.tsx"));
const Replay = lazy(() => import("./views/replays/replay.tsx"));
const Find = lazy(() => import("./views/find/find.tsx"));

export function Routes() {
  const may = useMay();
  return (
    <Suspense fallback={<Loading />}>
      <Switch>
        <Route path={paths.overview} component={Overview} />
        <Route path={paths.webhooks} component={Webhooks} />
        {may("whole") && <Route path={paths.newWebhook} component={CreateWebhook} />}
        {may("manage") && <Route path="/webhooks/:id/edit" component={EditWebhook} />}
        <Route path="/webhooks/:id" component={Webhook} />
        <Route path={paths.eventTypes} component={EventTypes} />
        {may("types") && <Route path={paths.newEventType} component={CreateEventType} />}
        <Route path="/event-types/:name" component={EventType} />
        {may("admin") && <Route path={paths.keys} component={Keys} />}
        <Route path={paths.deliveries} component={Deliveries} />
        <Route path="/deliveries/:id" component={Delivery} />
        <Route path={paths.events} component={Events} />
        <Route path="/events/:id" component={Event} />
        <Route path={paths.replays} component={Replays} />
        <Route path="/replays/:id" component={Replay} />
        <Route path={paths.find} component={Find} />
        <Route component={Nowhere} />
      </Switch>
    </Suspense>
  );
}

function Nowhere() {
  return (
    <View title="Nothing here">
      <Empty
        title="There is no such page, or this key may not use it"
        action={<a href={linkTo(paths.overview)}>Overview</a>}
      />
    </View>
  );
}
