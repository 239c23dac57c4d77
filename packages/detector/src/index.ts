export { DetectorError } from './errors.ts'
