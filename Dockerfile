# One image for both processes; the command selects (the default is the scheduler):
#   docker build -t crewtab .
#   docker run crewtab                                                            # the scheduler
#   docker run --health-cmd "node dist/apps/worker/src/healthcheck.js" \
#     crewtab node --enable-source-maps dist/apps/worker/src/main.js              # a worker
# docker-compose.yml does all of it. BASE may be any glibc system with Node 20.19 or newer, npm, and
# musl-gcc or apt.
ARG BASE=node:22-bookworm-slim

# Install scripts stay off: nothing here needs one, and some of them download from hosts that a build may not reach.
FROM ${BASE} AS dependencies
WORKDIR /app
ENV SCARF_ANALYTICS=false
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund

# A C compiler for the programs of agents' containers (images/guard); musl's make a tenth of the size, which a cluster takes.
FROM dependencies AS build
RUN command -v musl-gcc > /dev/null || (apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev musl-tools)
COPY .swcrc tsconfig.json prisma.config.ts ./
COPY prisma prisma
COPY scripts scripts
COPY libs libs
COPY images images
COPY apps apps
RUN node scripts/build.mjs && ls dist/images/guard/guard-*

# Optional packages go too: the Postgres that `npm start` brings along, and Prisma's CLI with its engines, which npm keeps as
# an optional peer of the client. What remains runs without them.
FROM dependencies AS production
RUN npm prune --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM ${BASE}
WORKDIR /app
ENV NODE_ENV=production \
    HOME=/tmp \
    HOST=0.0.0.0 \
    CREWTAB_DATA_DIR=/var/lib/crewtab \
    CREWTAB_ALIVE_FILE=/tmp/crewtab-worker.alive
# The agents' user too, who must reach the team's sockets. Nothing below /app belongs to it.
RUN mkdir -p /var/lib/crewtab && chown 1000:1000 /var/lib/crewtab && chmod 700 /var/lib/crewtab
COPY --from=production /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY prisma/migrations prisma/migrations
COPY package.json ./
USER 1000:1000
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--enable-source-maps", "dist/apps/scheduler/src/main.js"]
