# The daemon and its command. The image runs without a shell.
#
#   docker build -t lantern .
#
# Both images can be replaced: they need glibc and Node 20.19 or newer as `node` in PATH; the build image also needs npm.
ARG BUILD_IMAGE=node:22-bookworm-slim
ARG BASE_IMAGE=node:22-bookworm-slim

FROM ${BUILD_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
# No package needs its install script: native code is prebuilt.
RUN ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
COPY . .
RUN ["npm", "run", "build", "--", "command"]

FROM ${BASE_IMAGE}
WORKDIR /opt/lantern
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules/@koromix ./node_modules/@koromix
COPY --from=build /build/dist ./dist
# The same paths for every user. The daemon creates the directory of the store below the volume, which is
# world-readable: the store would refuse it.
ENV NODE_ENV=production \
    LANTERN_RUN_DIR=/run/lantern \
    LANTERN_SOCKET=/run/lantern/lantern.sock \
    LANTERN_DATA_DIR=/var/lib/lantern/store
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s CMD ["node", "/opt/lantern/dist/main.js", "health"]
# Root is for `--publisher bind`. The direct publisher needs no privileges: run it with `--user 65532:65532`.
ENTRYPOINT ["node", "/opt/lantern/dist/main.js"]
CMD ["serve"]
