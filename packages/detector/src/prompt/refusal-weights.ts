export const REFUSAL: { weights: Readonly<Record<string, number>>; bias: number } = { weights: {}, bias: 0 }
