# The daemon and its command. Nothing here runs a shell once the image is built.
#
#   docker build -t lantern .
#
# Both images can be replaced, by a mirror's or by one of your own: they need glibc and Node 20.19 or newer as `node` in
# PATH; the one that builds needs npm as well.
ARG BUILD_IMAGE=node:22-bookworm-slim
ARG BASE_IMAGE=node:22-bookworm-slim

FROM ${BUILD_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
# No package needs its install script: what is native comes ready made in the packages.
RUN ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
COPY . .
RUN ["npm", "run", "build", "--", "command"]
RUN ["npm", "prune", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]

FROM ${BASE_IMAGE}
WORKDIR /opt/lantern
COPY --from=build /build/package.json ./
COPY --from=build /build/proto ./proto
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
# The same places whoever runs it. The store is in a directory that the daemon makes itself: a volume's own is
# world-readable, which a store refuses.
ENV NODE_ENV=production \
    LANTERN_RUN_DIR=/run/lantern \
    LANTERN_SOCKET=/run/lantern/lantern.sock \
    LANTERN_DATA_DIR=/var/lib/lantern/store
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s CMD ["node", "/opt/lantern/dist/main.js", "health"]
# As root for `--publisher bind`, which mounts. The direct publisher needs no privilege: run it with `--user 65532:65532`.
ENTRYPOINT ["node", "/opt/lantern/dist/main.js"]
CMD ["serve"]
