// A dialog: the focus goes in, stays, and comes back.
import { Modal, type ModalProps } from "@mantine/core";
import type { ReactNode } from "react";

type DialogProps = {
  title: string;
  isOpen: boolean;
  onClose(): void;
  /** Closes by its own button alone: not by Escape, by a click beside it, or by a cross. */
  isFirm?: boolean;
  size?: ModalProps["size"];
  children: ReactNode;
};

export function Dialog({ title, isOpen, onClose, isFirm = false, size, children }: DialogProps) {
  return (
    <Modal
      opened={isOpen}
      onClose={onClose}
      title={title}
      size={size ?? "md"}
      lockScroll={false} // it would write a style element; dialog.css does it
      closeOnEscape={!isFirm}
      closeOnClickOutside={!isFirm}
      withCloseButton={!isFirm}
      closeButtonProps={{ "aria-label": "Close" }}
      transitionProps={{ duration: 120, transition: "fade" }}
    >
      {children}
    </Modal>
  );
}
