-- Which images of presets a host has, and which it is asked to make before a run needs them.
CREATE TABLE "host_images" (
    "host_id" TEXT NOT NULL,
    "image" TEXT NOT NULL,
    "preset" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "maker" TEXT,
    "progress" TEXT,
    "error_code" TEXT,
    "error_message" TEXT,
    "changed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "host_images_pkey" PRIMARY KEY ("host_id", "image"),
    CONSTRAINT "host_images_state_is_known" CHECK ("state" IN ('absent', 'wanted', 'making', 'present', 'failed')),
    CONSTRAINT "host_images_maker_makes" CHECK (("maker" IS NOT NULL) = ("state" = 'making')),
    CONSTRAINT "host_images_failure_is_whole"
        CHECK (("error_code" IS NOT NULL) = ("state" = 'failed') AND ("error_message" IS NOT NULL) = ("state" = 'failed'))
);

ALTER TABLE "host_images" ADD CONSTRAINT "host_images_host_id_fkey"
    FOREIGN KEY ("host_id") REFERENCES "hosts"("id") ON DELETE CASCADE ON UPDATE CASCADE;
