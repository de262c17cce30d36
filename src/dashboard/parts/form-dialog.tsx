// A form in a dialog, which is closed without sending it, too.
import { Button } from "@mantine/core";

import { Dialog } from "./dialog.tsx";
import { Form, type FormProps } from "./form.tsx";

type FormDialogProps = Omit<FormProps, "cancel" | "className"> & {
  title: string;
  isOpen: boolean;
  onClose(): void;
};

export function FormDialog({ title, isOpen, onClose, ...form }: FormDialogProps) {
  const cancel = (
    <Button variant="default" onClick={onClose}>
      Cancel
    </Button>
  );
  return (
    <Dialog title={title} isOpen={isOpen} onClose={onClose}>
      <Form {...form} cancel={cancel} />
    </Dialog>
  );
}
