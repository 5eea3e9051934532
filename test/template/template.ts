/** A CloudFormation template, as far as these tests look at it. */
export interface Template {
  readonly Resources: Record<string, Resource>;
  readonly Conditions?: Record<string, unknown>;
  readonly Outputs?: Record<string, unknown>;
}

export interface Resource {
  readonly Type: string;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- properties are walked by paths that the rules write down; a wrong one fails its test.
  readonly Properties: Record<string, any>;
}

/** Resources of one type, by logical id. */
export const ofType = ({ Resources }: Template, type: string): readonly (readonly [id: string, resource: Resource])[] => Object.entries(Resources).filter(([, { Type }]) => Type === type);

/** The logical id that a `Ref` or `Fn::GetAtt` names. */
export const named = (value: unknown): string | undefined => {
  const { Ref: ref, 'Fn::GetAtt': attribute } = (value ?? {}) as { readonly Ref?: string; readonly 'Fn::GetAtt'?: readonly [string, string] };
  return ref ?? attribute?.[0];
};

/** What `Fn::If` gives when every condition holds, so that whatever a parameter may switch on is looked at. */
export const whenAllHold = (value: unknown): unknown => {
  const [, then] = ((value ?? {}) as { readonly 'Fn::If'?: readonly [string, unknown, unknown] })['Fn::If'] ?? [];
  return then ?? value;
};
