// Keeps the page standing where a view falls: its chunk could not be loaded, or it has a fault.
import { Component, type ReactNode } from "react";

import { Failed } from "./parts/states.tsx";

export class Boundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (error === null) return this.props.children;
    const message = `This view can’t be shown: ${error.message}. A newer version may have been installed: reload the page.`;
    return (
      <Failed
        failure={{ message, status: 0, code: "view_failed", requestId: null, issues: [] }}
        onRetry={() => location.reload()}
      />
    );
  }
}
