declare module 'conformance:data' {
  const data: import('../data.ts').Data
  export default data
}
