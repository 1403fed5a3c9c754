export { GatewayPart, startGateway, type GatewayPartOptions, type RunningGateway } from "./start-gateway.ts";
