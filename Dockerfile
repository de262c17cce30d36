# The image: what `npm pack` holds, installed without development and optional packages (the embedded PostgreSQL is one:
# an image has a DATABASE_URL). It writes to no file, so its root may be read-only; node is process 1, and ends on SIGTERM.
FROM node:22-bookworm-slim AS packed
WORKDIR /source
COPY . .
RUN npm ci --no-audit && npm pack --ignore-scripts --pack-destination /packed

FROM node:22-bookworm-slim
WORKDIR /posthorn
COPY --from=packed /packed/posthorn-*.tgz /packed/
RUN npm install --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund /packed/posthorn-*.tgz \
  && rm -rf /packed /root/.npm
USER node
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "node_modules/posthorn/dist/cli/index.js"]
CMD ["serve"]
