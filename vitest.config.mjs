import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["js/**/*.test.ts"],
    environment: "happy-dom",
    // A run that finds no test must fail, not pass.
    passWithNoTests: false,
    restoreMocks: true,
  },
});
