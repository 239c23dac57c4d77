/** The whole worker: the handler of requests, and the object that keeps the connection to the broker. */
export { default, WeaveLink } from '@mystranet/router/edge/workerd'
