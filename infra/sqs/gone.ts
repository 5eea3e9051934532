/**
 * Whether SQS says that a receipt is worth nothing any more: the message was deleted, or its time ran out and it was or will be given
 * to somebody else. A receipt that ran out is an `InvalidParameterValue`, as is every other odd parameter, so its text is asked too.
 */
export const isGone = (error: unknown): boolean => {
  if (!(error instanceof Error)) return false;
  const name = error.name.replace(/^AWS\.SimpleQueueService\./, '');
  return name === 'ReceiptHandleIsInvalid' || name === 'MessageNotInflight' || (name === 'InvalidParameterValue' && error.message.includes('ReceiptHandle'));
};
