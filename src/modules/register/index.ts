export { api, type RegisterDeps } from './api.ts'
export { registerLinks, registerPages } from './routes.ts'
