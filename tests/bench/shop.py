"""A shop's database: a few large tables and many small ones, with the keys, indexes and checks that an application has."""

# At scale 1: 1 GiB with its indexes, of which these are about a third.
SHOP = """
SELECT setseed(0.5);
CREATE TYPE state AS ENUM ('new', 'paid', 'sent', 'returned');

CREATE TABLE customer (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL, name text NOT NULL, address jsonb,
  active boolean NOT NULL DEFAULT true, created timestamptz NOT NULL DEFAULT now());
INSERT INTO customer (email, name, address, active, created)
SELECT 'user' || n || '@example.com', initcap(substr(md5(n::text), 1, 8)) || ' ' || initcap(substr(md5(n::text), 9, 10)),
  jsonb_build_object('street', substr(md5((n * 7)::text), 1, 14), 'number', n % 200, 'city', 'City ' || n % 997, 'zip', lpad((n % 99999)::text, 5, '0')),
  n % 17 <> 0, '2024-01-01'::timestamptz + n * interval '97 seconds'
FROM generate_series(1, (220000 * {scale})::int) n;

CREATE TABLE product (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code uuid NOT NULL, name text NOT NULL, price numeric(10,2) NOT NULL,
  description text);
INSERT INTO product (code, name, price, description)
SELECT md5(n::text)::uuid, 'Product ' || n, (n % 9973) / 7.0, repeat(md5((n * 3)::text) || ' ', 1 + n % 9)
FROM generate_series(1, (30000 * {scale})::int) n;

CREATE TABLE "order" (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer bigint NOT NULL, state state NOT NULL DEFAULT 'new',
  total numeric(12,2) NOT NULL, created timestamptz NOT NULL, note text);
INSERT INTO "order" (customer, state, total, created, note)
SELECT 1 + floor(random() * floor(220000 * {scale}))::bigint, (ARRAY['new', 'paid', 'sent', 'sent', 'sent', 'returned'])[1 + n % 6]::state,
  (n % 99991) / 13.0, '2025-01-01'::timestamptz + n * interval '31 seconds', CASE WHEN n % 5 = 0 THEN 'please ring, door ' || md5(n::text) END
FROM generate_series(1, (1000000 * {scale})::int) n;

CREATE TABLE order_line ("order" bigint NOT NULL, line int NOT NULL, product bigint NOT NULL, quantity int NOT NULL, price numeric(10,2) NOT NULL);
INSERT INTO order_line
SELECT 1 + n / 3, n % 3, 1 + floor(random() * floor(30000 * {scale}))::bigint, 1 + n % 4, (n % 9973) / 7.0
FROM generate_series(0, (1000000 * {scale})::int * 3 - 1) n;

CREATE TABLE event (id uuid NOT NULL, customer bigint, kind text NOT NULL, at timestamptz NOT NULL, payload jsonb);
INSERT INTO event
SELECT md5(n::text || 'e')::uuid, CASE WHEN n % 4 <> 0 THEN 1 + floor(random() * floor(220000 * {scale}))::bigint END,
  (ARRAY['view', 'click', 'basket', 'search'])[1 + n % 4], '2026-01-01'::timestamptz + n * interval '3 seconds',
  jsonb_build_object('page', '/p/' || n % 30011, 'ms', n % 977, 'agent', 'Mozilla/5.0 (X11; Linux x86_64)', 'session', md5((n / 9)::text))
FROM generate_series(1, (800000 * {scale})::int) n;

CREATE TABLE article (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text NOT NULL, body text NOT NULL, tags text[]);
INSERT INTO article (title, body, tags)
SELECT 'Article ' || n, (SELECT string_agg(md5((n * i)::text), CASE WHEN i % 9 = 0 THEN '. ' ELSE ' ' END) FROM generate_series(1, 30 + n % 130) i),
  ARRAY['tag' || n % 41, 'tag' || n % 67, 'tag' || n % 11]
FROM generate_series(1, (24000 * {scale})::int) n;

DO $$ BEGIN FOR n IN 1..150 LOOP
  EXECUTE format('CREATE TABLE setting_%s (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer bigint REFERENCES customer,
    name text NOT NULL UNIQUE, value text CHECK (value <> ''''), changed timestamptz DEFAULT now())', n);
  EXECUTE format('INSERT INTO setting_%s (customer, name, value) SELECT 1 + i %% 1000, ''setting '' || i, md5(i::text)
    FROM generate_series(1, %s) i', n, n * 37 % 1500 + 1);
  EXECUTE format('CREATE INDEX ON setting_%s (customer)', n);
END LOOP; END $$;

CREATE UNIQUE INDEX ON customer (lower(email));
CREATE INDEX ON customer (created);
CREATE UNIQUE INDEX ON product (code);
CREATE INDEX ON product (name);
ALTER TABLE "order" ADD FOREIGN KEY (customer) REFERENCES customer;
ALTER TABLE "order" ADD CHECK (total >= 0);
CREATE INDEX ON "order" (customer);
CREATE INDEX ON "order" (created);
CREATE INDEX ON "order" (state) WHERE state <> 'sent';
ALTER TABLE order_line ADD PRIMARY KEY ("order", line);
ALTER TABLE order_line ADD FOREIGN KEY ("order") REFERENCES "order" ON DELETE CASCADE;
ALTER TABLE order_line ADD FOREIGN KEY (product) REFERENCES product;
CREATE INDEX ON order_line (product);
ALTER TABLE event ADD PRIMARY KEY (id);
ALTER TABLE event ADD FOREIGN KEY (customer) REFERENCES customer;
CREATE INDEX ON event (at);
CREATE INDEX ON event (customer, kind);
CREATE INDEX ON article USING gin (tags);
CREATE INDEX ON article (title);
CREATE VIEW revenue AS SELECT date_trunc('day', created) AS day, sum(total) FROM "order" GROUP BY 1;
"""


def make(stack, database, scale):
    stack.sql(database, SHOP.format(scale=scale))
