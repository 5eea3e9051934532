import { loadAwsServiceSpecSync } from '@aws-cdk/aws-service-spec';
import type { Template } from './template.ts';

/** The types that the resource specification knows. */
type SpecType =
  | { readonly type: 'string'; readonly allowedValues?: readonly string[] }
  | { readonly type: 'integer' | 'number' | 'boolean' | 'json' | 'date-time' | 'tag' | 'null' }
  | { readonly type: 'array' | 'map'; readonly element: SpecType }
  | { readonly type: 'union'; readonly types: readonly SpecType[] }
  | { readonly type: 'ref'; readonly reference: { readonly $ref: string } };
type Properties = Readonly<Record<string, { readonly type: unknown; readonly required?: boolean }>>;

const pseudo = new Set(['AWS::AccountId', 'AWS::NoValue', 'AWS::Partition', 'AWS::Region', 'AWS::StackId', 'AWS::StackName', 'AWS::URLSuffix']);
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const found = (value: unknown): string => JSON.stringify(value).slice(0, 80);

let spec: ReturnType<typeof loadAwsServiceSpecSync> | undefined;

/**
 * What CloudFormation would refuse in a template: unknown resource types and properties, missing ones, values of a wrong type at any
 * depth, and references to what is not there. Functions are taken for whatever type is wanted; their arguments are looked at.
 */
export const mistakesBySpecification = (template: Template): readonly string[] => {
  spec ??= loadAwsServiceSpecSync();
  const known = spec;
  const mistakes: string[] = [];
  const resourceOf = (type: string) => known.lookup('resource', 'cloudFormationType', 'equals', type)[0];

  const refer = (where: string, id: string, attribute?: string): void => {
    const resource = template.Resources[id];
    if (resource === undefined) {
      if (attribute !== undefined || !pseudo.has(id)) mistakes.push(`${where}: refers to ${id}, which is not there`);
    } else if (attribute !== undefined && resourceOf(resource.Type)?.attributes[attribute] === undefined) mistakes.push(`${where}: ${resource.Type} has no attribute ${attribute}`);
  };

  /** Looks at references anywhere below; true when the value itself is a function of CloudFormation. */
  const isFunction = (where: string, value: unknown): boolean => {
    if (!isObject(value) || Object.keys(value).length !== 1) return false;
    const [[name, argument] = ['', undefined]] = Object.entries(value);
    if (name === 'Ref') refer(where, String(argument));
    else if (name === 'Fn::GetAtt') refer(where, ...(argument as [string, string]));
    else if (name === 'Fn::Sub') for (const [, id = '', attribute] of String(argument).matchAll(/\$\{([\w:]+)(?:\.(\w+))?\}/g)) refer(where, id, attribute);
    else if (!/^Fn::(Join|Split|Select|If|ImportValue)$/.test(name)) return false;
    else references(where, argument);
    return true;
  };
  const references = (where: string, value: unknown): void => {
    if (isFunction(where, value)) return;
    if (Array.isArray(value)) value.forEach((each) => references(where, each));
    else if (isObject(value)) Object.values(value).forEach((each) => references(where, each));
  };

  const properties = (where: string, values: unknown, allowed: Properties): void => {
    if (!isObject(values)) return void mistakes.push(`${where}: found ${found(values)}, wanted an object`);
    for (const [name, { required }] of Object.entries(allowed)) if (required === true && !(name in values)) mistakes.push(`${where}.${name}: is missing`);
    for (const [name, value] of Object.entries(values)) {
      const property = allowed[name];
      if (property === undefined) mistakes.push(`${where}.${name}: there is no such property`);
      else check(`${where}.${name}`, value, property.type as SpecType);
    }
  };

  const check = (where: string, value: unknown, type: SpecType): void => {
    if (isObject(value) && 'Fn::If' in value) {
      const [condition, ...branches] = value['Fn::If'] as [string, unknown, unknown];
      if (template.Conditions?.[condition] === undefined) mistakes.push(`${where}: refers to condition ${condition}, which is not there`);
      for (const branch of branches) if (!(isObject(branch) && branch['Ref'] === 'AWS::NoValue')) check(where, branch, type);
      return;
    }
    if (isFunction(where, value)) return;
    const wanted = (what: string, fits: boolean): void => {
      if (!fits) mistakes.push(`${where}: found ${found(value)}, wanted ${what}`);
    };
    switch (type.type) {
      case 'string':
        wanted(type.allowedValues?.join(' or ') ?? 'a text', typeof value === 'string' && (type.allowedValues?.includes(value) ?? true));
        break;
      case 'date-time':
        wanted('a moment', typeof value === 'string' && !Number.isNaN(Date.parse(value)));
        break;
      case 'integer':
        wanted('a whole number', Number.isInteger(value));
        break;
      case 'number':
        wanted('a number', typeof value === 'number');
        break;
      case 'boolean':
        wanted('true or false', typeof value === 'boolean');
        break;
      case 'tag':
        wanted('a tag', isObject(value) && typeof value['Key'] === 'string' && typeof value['Value'] === 'string');
        break;
      case 'json':
      case 'null':
        references(where, value);
        break;
      case 'array':
        wanted('a list', Array.isArray(value));
        if (Array.isArray(value)) value.forEach((each, at) => check(`${where}[${at}]`, each, type.element));
        break;
      case 'map':
        wanted('an object', isObject(value));
        if (isObject(value)) for (const [key, each] of Object.entries(value)) check(`${where}.${key}`, each, type.element);
        break;
      case 'union': {
        // An object is compared with what objects are allowed, so that a mistake in it is told rather than that it is no text.
        const shaped = type.types.filter((one) => (one.type === 'string') === (typeof value === 'string'));
        const [least = []] = (shaped.length === 0 ? type.types : shaped).map((one) => attempt(() => check(where, value, one))).toSorted((a, b) => a.length - b.length);
        mistakes.push(...least);
        break;
      }
      case 'ref': {
        const definition = known.get('typeDefinition', type.reference);
        properties(where, value, definition.properties);
      }
    }
  };
  /** The mistakes that `look` finds, without keeping them. */
  const attempt = (look: () => void): readonly string[] => {
    const before = mistakes.length;
    look();
    return mistakes.splice(before);
  };

  for (const [id, { Type, Properties = {} }] of Object.entries(template.Resources)) {
    const resource = resourceOf(Type);
    if (resource === undefined) mistakes.push(`${id}: there is no resource type ${Type}`);
    else properties(id, Properties, resource.properties);
  }
  references('Outputs', template.Outputs ?? {});
  return mistakes;
};
