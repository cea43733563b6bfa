// Rows of the filter builder as CQL2 text (OGC 21-065r2).

import type { ColumnStats } from "earthcatalog";

export const OPERATORS = ["=", "<>", "<", "<=", ">", ">=", "like", "in", "between", "is null", "is not null"] as const;
export type Operator = (typeof OPERATORS)[number];

/** A condition on a column. */
export interface Row {
  name: string;
  operator: Operator;
  /** As typed; several are apart by commas. */
  value: string;
}

/** Whether the operator takes a value. */
export const takesValue = (operator: Operator): boolean => !operator.startsWith("is ");

/** Operators that make sense for a column. */
export function operatorsOf(type: string): Operator[] {
  if (type === "boolean") return ["=", "<>", "is null", "is not null"];
  return OPERATORS.filter((operator) => operator !== "like" || type === "string");
}

const NUMERIC = new Set(["int", "long", "float", "double"]);
const isTime = (type: string): boolean => type.startsWith("timestamp");

/** The rows as one text; rows without the value they need are left out. */
export function textOf(rows: Row[], columns: ColumnStats[]): string {
  const parts = rows.flatMap((row) => {
    const type = columns.find(({ name }) => name === row.name)?.type ?? "string";
    const part = conditionOf(row, type);
    return part === undefined ? [] : [part];
  });
  return parts.join(" AND ");
}

function conditionOf({ name, operator, value }: Row, type: string): string | undefined {
  if (name === "") return undefined;
  const property = /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !RESERVED.has(name.toLowerCase()) ? name : `"${name.replaceAll('"', '""')}"`;
  if (!takesValue(operator)) return `${property} ${operator.toUpperCase()}`;
  const values = operator === "in" || operator === "between" ? value.split(",") : [value];
  const literals = values.map((value) => literalOf(value.trim(), type));
  if (literals.some((literal) => literal === undefined)) return undefined;
  switch (operator) {
    case "in":
      return `${property} IN (${literals.join(", ")})`;
    case "between":
      return literals.length === 2 ? `${property} BETWEEN ${literals[0]} AND ${literals[1]}` : undefined;
    case "like":
      return `${property} LIKE ${literals[0]}`;
    default:
      return `${property} ${operator} ${literals[0]}`;
  }
}

function literalOf(value: string, type: string): string | undefined {
  if (value === "") return undefined;
  if (NUMERIC.has(type)) return Number.isFinite(Number(value)) ? value : undefined;
  if (type === "boolean") return /^(true|false)$/i.test(value) ? value.toLowerCase() : undefined;
  const text = `'${value.replaceAll("'", "''")}'`;
  if (isTime(type)) return /^\d{4}-\d{2}-\d{2}$/.test(value) ? `DATE(${text})` : `TIMESTAMP(${text})`;
  return text;
}

/** Words that mean something else in CQL2 text. */
const RESERVED = new Set(["and", "or", "not", "like", "between", "in", "is", "null", "true", "false", "date", "timestamp", "interval", "casei", "accenti", "div"]);

/** What a column holds, in a word. */
export function kindOf(type: string): string {
  if (type === "int" || type === "long") return "whole number";
  if (NUMERIC.has(type)) return "number";
  if (type === "string") return "text";
  if (type === "boolean") return "true or false";
  return isTime(type) ? "time" : type;
}

/** What is known of a column's values, as a hint for who types one. */
export function rangeOf({ lower, upper, type }: ColumnStats): string {
  if (lower === null || upper === null || type === "boolean") return "";
  const shown = (value: number | string | boolean): string => {
    const text = String(value);
    if (isTime(type)) return text.slice(0, 10);
    return text.length > 16 ? `${text.slice(0, 15)}…` : text;
  };
  return lower === upper ? shown(lower) : `${shown(lower)} to ${shown(upper)}`;
}
