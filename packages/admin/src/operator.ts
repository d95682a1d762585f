/** A permission of an operator: to read, to change, or to call verbs that cannot be undone. Each is granted separately. */
export type Permission = 'read' | 'operate' | 'destroy';

/** Who uses the control plane, as the application has authenticated them. */
export interface Operator {
  /** Names them in the audit. */
  readonly id: string;
  readonly permissions: readonly Permission[];
}
