// Which view stands at which address. Each is a chunk of its own, which is loaded when somebody goes there.
import { lazy, Suspense } from "react";
import { Route, Switch } from "wouter";

import { linkTo, paths } from "./address/links.ts";
import { Empty, Loading } from "./parts/states.tsx";
import { View } from "./parts/view.tsx";

const Overview = lazy(() => import("./views/overview/overview.tsx"));
const Webhooks = lazy(() => import("./views/webhooks/webhooks.tsx"));

export function Routes() {
  return (
    <Suspense fallback={<Loading />}>
      <Switch>
        <Route path={paths.overview} component={Overview} />
        <Route path={paths.webhooks} component={Webhooks} />
        <Route component={Nowhere} />
      </Switch>
    </Suspense>
  );
}

function Nowhere() {
  return (
    <View title="Nothing here">
      <Empty title="There is no such page" action={<a href={linkTo(paths.overview)}>Overview</a>} />
    </View>
  );
}
