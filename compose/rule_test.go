package compose

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/diagnostic"
	"holdfast/source"
)

// review reads a text. One that begins with a service's name is what stands under
// `services:`.
func review(text string, environ ...string) (diagnostic.Review, string) {
	text = strings.TrimLeft(text, "\n")
	if !strings.Contains("\n"+text, "\nservices:") && !strings.Contains("\n"+text, "\ninclude:") {
		text = "services:\n" + text
	}
	set := map[string]string{}
	for _, e := range environ {
		key, value, _ := strings.Cut(e, "=")
		set[key] = value
	}
	name := "compose.yaml"
	if strings.Contains(text, "# stack") {
		name = "docker-stack.yml"
	}
	return Review(source.File{Name: name, Text: []byte(text), Dir: "/srv/shop"}, set), text
}

// at are the problems of a code, each by its line and what is underlined.
func at(r diagnostic.Review, text string, code diagnostic.Code) []string {
	lines := strings.Split(text, "\n")
	var all []string
	for _, p := range r.Problems {
		if p.Code == code {
			line := []rune(lines[p.Line-1])
			from := min(p.Column-1, len(line))
			all = append(all, fmt.Sprintf("%d %s %s", p.Line, string(line[from:min(from+p.Width, len(line))]), p.Of))
		}
	}
	return all
}

// A case is a file that has a problem, where that is ("line, what is underlined,
// of what"), and files that are near to it and have not.
type ruleCase struct {
	code  diagnostic.Code
	found string
	at    string
	near  []string
}

func TestEveryRuleFindsItsOwnAndNothingNear(t *testing.T) {
	cases := slices.Concat(refusals(), impossibles(), storeCases(), checks(), restarts(), habits())
	tried := map[diagnostic.Code]bool{}
	for _, c := range cases {
		tried[c.code] = true
		r, text := review(c.found)
		if got := at(r, text, c.code); !slices.Contains(got, c.at) {
			t.Errorf("%s is found at %q, want %q, in\n%s\n%s", c.code, got, c.at, text, listed(r))
		}
		for _, near := range c.near {
			r, text := review(near)
			if got := at(r, text, c.code); len(got) > 0 {
				t.Errorf("%s is found at %q in what is only near:\n%s", c.code, got, text)
			}
			for _, p := range r.Problems {
				if p.Code < noHealth && c.code >= noHealth {
					t.Errorf("a near miss of %s cannot be read: line %d: %s\n%s", c.code, p.Line, p.Message, text)
				}
			}
		}
	}
	for _, meaning := range Codes() {
		if !tried[meaning.Code] {
			t.Errorf("%s is tried by no case", meaning.Code)
		}
	}
}

// What is said of a fixed port is not said of one that Docker chooses.
func TestAPortThatDockerChooses(t *testing.T) {
	for port, fixed := range map[string]bool{"80": false, "80:80": true, "8000-8001:80": false} {
		r, _ := review("  web: {image: a:1, ports: [\"" + port + "\"]}")
		found := slices.IndexFunc(r.Problems, func(p diagnostic.Problem) bool { return p.Code == loneReplica })
		if found < 0 || strings.Contains(r.Problems[found].Note, "a fixed port") != fixed {
			t.Errorf("%s: %s", port, listed(r))
		}
	}
}

func listed(r diagnostic.Review) string {
	var out strings.Builder
	for _, p := range r.Problems {
		fmt.Fprintf(&out, "%d:%d %s %s\n", p.Line, p.Column, p.Code, p.Message)
	}
	return out.String()
}

func refusals() []ruleCase {
	return []ruleCase{
		{code: unknownKey, found: "  web: {image: a:1, prts: []}", at: "2 prts web", near: []string{"  web: {image: a:1, x-prts: [], ports: []}"}},
		{code: unknownKey, found: "  web:\n    image: a:1\n    deploy:\n      replica: 2", at: "5 replica web"},
		{code: unknownKey, found: "services:\n  web: {image: a:1}\nvolume:\n  data:", at: "3 volume ", near: []string{"services:\n  web: {image: a:1}\nx-volume:\n  data:\nversion: '3'"}},
		{code: unknownKey, found: "x-base: &base {restrt: always}\nservices:\n  web: {<<: *base, image: a:1}", at: "1 restrt web"},
		{code: refused, found: "  web: {image: a:1, deploy: {replicas: two}}", at: "2 two web", near: []string{"  web: {image: a:1, deploy: {replicas: \"2\"}}", "  web: {image: a:1, deploy: {replicas: \"${N}\"}}", "  web: {image: a:1, deploy: {replicas: \"${N:-2}\"}}"}},
		{code: refused, found: "  web: {image: a:1, ports: [\"80:80\", abc]}", at: "2 abc web", near: []string{"  web: {image: a:1, ports: [\"${PORT}:80\", \"${A:?no}:${B}\", 80, \"127.0.0.1::80\"]}"}},
		{code: refused, found: "  web: {image: a:1, mem_limit: lots}", at: "2 lots web", near: []string{"  web: {image: a:1, mem_limit: \"${MEM}\", cpus: \"${CPUS}\"}"}},
		{code: refused, found: "  web: {image: a:1, volumes: [\"/a:/b:c:d:e\"]}", at: "2 \"/a:/b:c:d:e\" web", near: []string{"  web: {image: a:1, volumes: [\"${DATA}:/b\", \"C:\\\\data:/c\"]}"}},
		{code: refused, found: "  web: {image: \"a:${\"}", at: "2 ${ ", near: []string{"  web: {image: \"a:$${\", command: \"echo $(date) $1\"}"}},
		{code: refused, found: "  web: {image: a:1, depends_on: {db: {condition: healthy}}}\n  db: {image: a:1}", at: "2 healthy web"},
		{code: refused, found: "  web: {image: a:1, healthcheck: {test: [curl, localhost]}}", at: "2 test web", near: []string{"  web: {image: a:1, healthcheck: {test: [CMD, curl, localhost]}}"}},
		{code: refused, found: "networks: {a: {}}\nservices:\n  web: {image: a:1, network_mode: host, networks: [a]}", at: "3 network_mode web"},
		{code: refused, found: "  web: nginx", at: "2 nginx web"},
		{code: refused, found: "service:\n  web: {image: a:1}\nservices: {}", at: "1 service "},
		{code: undefined, found: "  web: {image: a:1, depends_on: [dbb]}\n  db: {image: a:1}", at: "2 dbb web", near: []string{"include: [other.yaml]\nservices:\n  web: {image: a:1, depends_on: [dbb], volumes: [\"x:/x\"]}"}},
		{code: undefined, found: "  web:\n    image: a:1\n    volumes:\n      - data:/data", at: "5 data:/data web", near: []string{"services:\n  web: {image: a:1, volumes: [\"data:/data\", \"./x:/x\", \"/y\"]}\nvolumes: {data: {}}"}},
		{code: undefined, found: "  web: {image: a:1, networks: [back], secrets: [s]}", at: "2 back web"},
		{code: undefined, found: "  web: {image: a:1, networks: [back], secrets: [s]}", at: "2 s web"},
		{code: undefined, found: "  web: {image: a:1, extends: bse}\n  base: {image: a:1}", at: "2 bse web", near: []string{"  web: {image: a:1, extends: {file: common.yaml, service: bse}}", "  web: {extends: base}\n  base: {image: a:1}"}},
		{code: circle, found: "  a: {image: a:1, depends_on: [b]}\n  b: {image: a:1, depends_on: {c: {condition: service_started}}}\n  c: {image: a:1, links: [a]}", at: "2 b a", near: []string{"  a: {image: a:1, depends_on: [b, c]}\n  b: {image: a:1, depends_on: [c]}\n  c: {image: a:1}"}},
		{code: circle, found: "  a: {image: a:1, extends: b}\n  b: {image: a:1, extends: a}", at: "2 b a"},
		{code: badExtension, found: "x-holdfast: {promise: \"99.9\"}\nservices:\n  web: {image: a:1}", at: "1 \"99.9\" ", near: []string{"x-holdfast: {promise: 99.9%, owner: me}\nservices:\n  web: {image: a:1, x-holdfast: {owner: you}}"}},
		{code: badExtension, found: "services:\n  web:\n    image: a:1\n    x-holdfast:\n      accept:\n        - {code: HF3143, owner: me, reason: so}", at: "6 {code: HF3143, owner: me, reason: so} "},
		{code: source.UnknownKey, found: "x-holdfast: {ownr: me}\nservices:\n  web: {image: a:1}", at: "1 ownr "},
		{code: source.StrangeTag, found: "  web: {image: a:1, ports: !why [80]}", at: "2 !why ", near: []string{"  web: {image: a:1, ports: !reset [], command: !override [a], hostname: !!str 5}"}},
		{code: source.DuplicateKey, found: "  web: {image: a:1}\n  web: {image: b:1}", at: "3 web "},
	}
}

func impossibles() []ruleCase {
	const pg = "  db: {image: \"postgres:16\", volumes: [\"./d:/var/lib/postgresql/data\"]"
	return []ruleCase{
		{code: noHealth, found: "  web: {image: a:1, depends_on: {db: {condition: service_healthy}}}\n  db: {image: \"postgres:16\"}", at: "3 db db", near: []string{
			"  web: {image: a:1, depends_on: {db: {condition: service_started}}}\n  db: {image: \"postgres:16\"}",
			"  web: {image: a:1, depends_on: {db: {condition: service_healthy, required: false}}}\n  db: {image: \"postgres:16\"}",
			"  web: {image: a:1, depends_on: {db: {condition: service_healthy}}}\n  db: {image: \"postgres:16\", healthcheck: {test: pg_isready}}",
			"  web: {image: a:1, depends_on: {db: {condition: service_healthy}}}\n  db: {image: \"registry.example/postgres:16\"}",
			"  web: {image: a:1, depends_on: {db: {condition: service_healthy}}}\n  db: {extends: {file: o.yaml, service: x}, image: \"postgres:16\"}",
			"x-c: &c {healthcheck: {test: pg_isready}}\nservices:\n  web: {image: a:1, depends_on: {db: {condition: service_healthy}}}\n  db: {<<: *c, image: \"postgres:16\"}",
		}},
		{code: noHealth, found: "  web: {image: a:1, depends_on: {db: {condition: service_healthy}}}\n  db: {build: ., healthcheck: {disable: true}}", at: "3 db db", near: []string{"  web: {image: a:1, depends_on: {db: {condition: service_healthy}}}\n  db: {build: ., healthcheck: {disable: false}}"}},
		{code: unseenHealth, found: "  web: {image: a:1, depends_on: {api: {condition: service_healthy}}}\n  api: {build: .}", at: "3 api api", near: []string{"  web: {image: a:1, depends_on: {api: {condition: service_healthy}}}\n  api: {build: ., healthcheck: {interval: 5s}}"}},
		{code: endless, found: "  web: {image: a:1, depends_on: {prep: {condition: service_completed_successfully}}}\n  prep: {image: a:1, restart: always}", at: "3 restart prep", near: []string{
			"  web: {image: a:1, depends_on: {prep: {condition: service_completed_successfully}}}\n  prep: {image: a:1, restart: on-failure}",
			"  web: {image: a:1, depends_on: {prep: {condition: service_completed_successfully}}}\n  prep: {image: a:1, restart: \"${R}\"}",
			"  web: {image: a:1, depends_on: [prep]}\n  prep: {image: a:1, restart: always}",
		}},
		{code: crowded, found: "  web: {image: a:1, ports: [\"80:80\"], deploy: {replicas: 2}}", at: "2 replicas web", near: []string{
			"  web: {image: a:1, ports: [\"80-81:80\"], deploy: {replicas: 2}}", "  web: {image: a:1, ports: [80], deploy: {replicas: 2}}", "  web: {image: a:1, ports: [\"80:80\"], deploy: {replicas: 1}}",
			"  web: {image: a:1, ports: [\"80:80\"], deploy: {replicas: 2, update_config: {parallelism: 1}}}", "# stack\nservices:\n  web: {image: a:1, ports: [\"80:80\"], deploy: {replicas: 2}}",
			"  web: {image: a:1, ports: [\"80:80\"], deploy: {replicas: \"${N}\"}}", "  web: {image: a:1, ports: [\"${P}:80\"], scale: 2}",
		}},
		{code: crowded, found: "  web: {image: a:1, container_name: web, scale: 3}", at: "2 scale web", near: []string{"  web: {image: a:1, container_name: web}"}},
		{code: takenPort, found: "  web: {image: a:1, ports: [\"80:80\"]}\n  api: {image: a:1, ports: [\"127.0.0.1:80:8080\"]}", at: "3 \"127.0.0.1:80:8080\" api", near: []string{
			"  web: {image: a:1, ports: [\"127.0.0.2:80:80\"]}\n  api: {image: a:1, ports: [\"127.0.0.1:80:8080\"]}", "  web: {image: a:1, ports: [\"53:53\"]}\n  api: {image: a:1, ports: [\"53:53/udp\"]}",
			"  web: {image: a:1, ports: [\"80:80\"]}\n  api: {image: a:1, ports: [\"80:8080\"], profiles: [b]}", "  web: {image: a:1, ports: [\"80:80\"]}\n  api: {image: a:1, ports: [\"${P}:8080\"]}",
		}},
		{code: emptyCheck, found: "  web: {image: a:1, healthcheck: {test: [CMD, \"curl -f http://localhost\"]}}", at: "2 test web", near: []string{
			"  web: {image: a:1, healthcheck: {test: [CMD, curl, -f, \"http://localhost\"]}}", "  web: {image: a:1, healthcheck: {test: [CMD-SHELL, \"curl -f http://localhost || exit 1\"]}}", "  web: {image: a:1, healthcheck: {test: curl -f http://localhost || exit 1}}",
			"  web: {image: a:1, healthcheck: {test: [CMD, sh, -c, \"curl || exit 1\"]}}",
		}},
		{code: emptyCheck, found: "  web: {image: a:1, healthcheck: {test: [CMD, curl, localhost, \"||\", exit, \"1\"]}}", at: "2 test web"},
		{code: sharedData, found: pg + ", deploy: {replicas: 2}}", at: "2 \"./d:/var/lib/postgresql/data\" db", near: []string{pg + "}", "  web: {build: ., volumes: [\"./d:/data\"], deploy: {replicas: 2}}"}},
		{code: sharedData, found: pg + "}\n  two: {image: \"postgres:16\", volumes: [\"./d:/var/lib/postgresql/data\"]}", at: "3 \"./d:/var/lib/postgresql/data\" two", near: []string{
			pg + "}\n  backup: {image: \"postgres:16\", command: pg_dump, volumes: [\"./d:/var/lib/postgresql/data\"]}", pg + "}\n  two: {image: \"postgres:16\", volumes: [\"./e:/var/lib/postgresql/data\"]}",
			pg + "}\n  app: {build: ., volumes: [\"./d:/var/lib/postgresql/data:ro\"]}", pg + ", profiles: [a]}\n  two: {image: \"postgres:16\", profiles: [b], volumes: [\"./d:/var/lib/postgresql/data\"]}",
		}},
		{code: movedData, found: "  db: {image: \"postgres:18-alpine\", volumes: [\"./d:/var/lib/postgresql/data\"]}", at: "2 \"./d:/var/lib/postgresql/data\" db", near: []string{
			"  db: {image: \"postgres:17\", volumes: [\"./d:/var/lib/postgresql/data\"]}", "  db: {image: \"postgres:18\", volumes: [\"./d:/var/lib/postgresql\"]}", "  db: {image: \"timescale/timescaledb:18\", volumes: [\"./d:/var/lib/postgresql/data\"]}",
			"  db: {image: \"postgres:18\", environment: {PGDATA: /var/lib/postgresql/data}, volumes: [\"./d:/var/lib/postgresql/data\"]}", "  db: {image: \"postgres:18\", env_file: .env, volumes: [\"./d:/var/lib/postgresql/data\"]}",
		}},
		{code: sleepingNeed, found: "  web: {image: a:1, depends_on: [db]}\n  db: {image: a:1, profiles: [dev]}", at: "2 db web", near: []string{
			"  web: {image: a:1, profiles: [dev], depends_on: [db]}\n  db: {image: a:1, profiles: [dev]}", "  web: {image: a:1, depends_on: {db: {condition: service_started, required: false}}}\n  db: {image: a:1, profiles: [dev]}",
			"  web: {image: a:1, environment: {DB_HOST: db}}\n  db: {image: a:1, profiles: [dev]}",
		}},
	}
}

func storeCases() []ruleCase {
	return []ruleCase{
		{code: lostData, found: "  db: {image: \"postgres:16\"}", at: "2 db db", near: []string{
			"  db: {image: \"postgres:16\", volumes: [\"./d:/var/lib/postgresql/data\"]}", "  db: {image: \"postgres:16\", tmpfs: /var/lib/postgresql/data}", "  cache: {image: \"redis:7\"}", "  db: {image: \"postgres:16\", profiles: [test]}",
			"  tool: {image: \"postgres:16\", command: [psql, -h, db]}", "  db: {image: \"postgres:16\", volumes: [\"${D}:/var/lib/postgresql/data\"]}", "  db: {image: \"mysql:8\", command: --datadir=/x, volumes: [\"./x:/x\"]}",
			"  s3: {image: \"minio/minio:1\", command: server /export, volumes: [\"./x:/export\"]}", "  db: {build: ./postgres}", "  x: {image: \"prom/postgres-exporter:1\"}",
			"  db: {image: \"postgres:16\", environment: [PGDATA=/pg/data], volumes: [\"./d:/pg\"]}",
		}},
		{code: lostData, found: "  db: {image: \"postgres:16\", volumes: [/var/lib/postgresql/data]}", at: "2 /var/lib/postgresql/data db"},
		{code: lostData, found: "  db: {image: \"postgres:16\", volumes: [\"./d:/var/lib/postgresql\"]}", at: "2 volumes db", near: []string{"  db: {image: postgres, volumes: [\"./d:/var/lib/postgresql\"]}", "  db: {image: \"postgres:18\", volumes: [\"./d:/var/lib/postgresql\"]}"}},
		{code: lostData, found: "  db: {image: \"mongo:7\", volumes: [\"./d:/data\"]}", at: "2 volumes db", near: []string{"  db: {image: \"mongo:7\", volumes: [\"./d:/data/db\"]}", "  es: {image: \"elasticsearch:8.1\", volumes: [\"./d:/usr/share/elasticsearch\"]}"}},
		{code: lostData, found: "  q: {image: \"redis:7\", command: redis-server --appendonly yes}", at: "2 q q", near: []string{"  q: {image: \"redis:7\", command: redis-server --appendonly yes, volumes: [\"./q:/data\"]}", "  q: {image: \"redis:7\", command: [redis-server, --save, \"\", --appendonly, \"no\"]}"}},
		{code: lostName, found: "  q: {image: \"rabbitmq:3\", volumes: [\"./q:/var/lib/rabbitmq\"]}", at: "2 \"./q:/var/lib/rabbitmq\" q", near: []string{
			"  q: {image: \"rabbitmq:3\", hostname: q, volumes: [\"./q:/var/lib/rabbitmq\"]}", "  q: {image: \"rabbitmq:3\", environment: {RABBITMQ_NODENAME: q}, volumes: [\"./q:/var/lib/rabbitmq\"]}", "  q: {image: \"rabbitmq:3\"}",
		}},
		{code: movingStore, found: "  db: {image: \"mysql:latest\", volumes: [\"./d:/var/lib/mysql\"]}", at: "2 \"mysql:latest\" db", near: []string{
			"  db: {image: \"mysql:8\"}", "  db: {image: \"pgvector/pgvector:pg16\"}", "  db: {image: \"mysql:${V}\"}", "  db: {image: \"mysql@sha256:0000000000000000000000000000000000000000000000000000000000000000\"}", "  db: {image: \"redis:alpine\"}",
		}},
		{code: openStore, found: "  db: {image: \"postgres:16\", ports: [\"5432:5432\"]}", at: "2 \"5432:5432\" db", near: []string{
			"  db: {image: \"postgres:16\", ports: [\"127.0.0.1:5432:5432\"]}", "  db: {image: \"postgres:16\", expose: [5432]}", "  db: {image: \"postgres:16\", ports: [\"${BIND}:5432:5432\"]}", "  q: {image: \"rabbitmq:3\", ports: [\"15672:15672\"]}", "  s3: {image: \"minio/minio:1\", ports: [\"9000:9000\"]}",
		}},
		{code: openStore, found: "  db:\n    image: mysql:8\n    ports:\n      - target: 3306\n        published: 33060", at: "6 33060 db"},
		{code: splitStore, found: "  cache: {image: \"redis:7\", deploy: {replicas: 2}}", at: "2 replicas cache", near: []string{"  cache: {image: \"redis:7\"}", "  q: {image: \"apache/kafka:3\", deploy: {replicas: 3}}", "  s: {image: \"redis:7\", command: redis-sentinel /s.conf, deploy: {replicas: 3}}"}},
		{code: tiedVolume, found: "# stack\nservices:\n  db: {image: \"postgres:16\", volumes: [\"data:/var/lib/postgresql/data\"]}\nvolumes: {data: {}}", at: "3 \"data:/var/lib/postgresql/data\" db", near: []string{
			"services:\n  db: {image: \"postgres:16\", volumes: [\"data:/var/lib/postgresql/data\"]}\nvolumes: {data: {}}",
			"# stack\nservices:\n  db: {image: \"postgres:16\", volumes: [\"data:/var/lib/postgresql/data\"], deploy: {placement: {constraints: [node.hostname == a]}}}\nvolumes: {data: {}}",
			"# stack\nservices:\n  db: {image: \"postgres:16\", volumes: [\"data:/var/lib/postgresql/data\"]}\nvolumes: {data: {driver: rexray}}",
			"# stack\nservices:\n  db: {image: \"postgres:16\", volumes: [\"data:/var/lib/postgresql/data\"]}\nvolumes: {data: {driver_opts: {type: nfs}}}",
		}},
		{code: impatient, found: "  web: {image: a:1, depends_on: [db]}\n  db: {image: \"postgres:16\"}", at: "2 db db", near: []string{
			"  web: {image: a:1, depends_on: {db: {condition: service_healthy}}}\n  db: {image: \"postgres:16\", healthcheck: {test: pg_isready}}", "  web: {image: a:1, depends_on: [cache]}\n  cache: {image: \"redis:7\"}",
			"  web: {image: a:1, environment: {DB_HOST: db}}\n  db: {image: \"postgres:16\"}", "# stack\nservices:\n  web: {image: a:1, depends_on: [db]}\n  db: {image: \"postgres:16\"}",
			"  web: {image: a:1, depends_on: {db: {condition: service_started, required: false}}}\n  db: {image: \"postgres:16\"}",
		}},
		{code: impatient, found: "  web: {image: a:1, links: [\"db:database\"]}\n  db: {image: \"postgres:16\"}", at: "2 \"db:database\" db"},
		{code: shortGrace, found: "  db: {image: \"postgres:16\"}", at: "2 db ", near: []string{"  db: {image: \"postgres:16\", stop_grace_period: 1m}", "  cache: {image: \"redis:7\"}", "  s3: {image: \"minio/minio:1\"}"}},
	}
}

func checks() []ruleCase {
	slow := func(settings string) string {
		return "  web: {image: a:1, depends_on: {db: {condition: service_healthy}}}\n  db: {image: \"mysql:8\", healthcheck: {test: mysqladmin ping" + settings + "}}"
	}
	return []ruleCase{
		{code: nosyCheck, found: "  web: {image: a:1, healthcheck: {test: \"curl -f http://api:3000/health\"}}\n  api: {image: a:1}", at: "2 test web", near: []string{
			"  web: {image: a:1, healthcheck: {test: \"curl -f http://localhost:3000/api\"}}\n  api: {image: a:1}", "  web: {image: a:1, healthcheck: {test: \"curl -f http://web:3000/api\"}}\n  api: {image: a:1}", "  web: {image: a:1, healthcheck: {test: \"curl -f http://elsewhere/api\"}}\n  api: {image: a:1}",
			"  web: {image: a:1, hostname: api, healthcheck: {test: \"curl -f http://api:3000/health\"}}\n  api: {image: a:1}",
		}},
		{code: nosyCheck, found: "  web: {image: a:1, healthcheck: {test: [CMD, pg_isready, -h, db]}}\n  db: {image: \"postgres:16\"}", at: "2 test web"},
		{code: nosyCheck, found: "  web: {image: a:1, healthcheck: {test: [CMD-SHELL, \"mysqladmin ping --host=db || exit 1\"]}}\n  db: {image: \"mysql:8\"}", at: "2 test web"},
		{code: hastyCheck, found: slow(", interval: 2s, retries: 3"), at: "3 healthcheck db", near: []string{slow(", interval: 2s, retries: 3, start_period: 30s"), slow(", interval: 10s, retries: 5"), slow(""), slow(", interval: \"${I}\", retries: 3"),
			"  db: {image: \"mysql:8\", healthcheck: {test: mysqladmin ping, interval: 2s, retries: 3}}", strings.ReplaceAll(slow(", interval: 2s, retries: 3"), "mysql:8", "redis:7")}},
		{code: slowCheck, found: "  web: {image: a:1, healthcheck: {test: ok, interval: 5m}}", at: "2 interval web", near: []string{"  web: {image: a:1, healthcheck: {test: ok}}", "  web: {image: a:1, healthcheck: {test: ok, interval: 30s, timeout: 10s, retries: 4}}", "  web: {image: a:1, healthcheck: {interval: 5m}}", "  web: {image: a:1, healthcheck: {test: ok, interval: \"${I:?}\"}}"}},
		{code: slowCheck, found: "  web: {image: a:1, healthcheck: {test: ok, interval: 10s, timeout: 2m}}", at: "2 timeout web"},
		{code: cutCheck, found: "  web: {image: a:1, healthcheck: {test: [CMD-SHELL, pg_isready, -U, me]}}", at: "2 test web", near: []string{"  web: {image: a:1, healthcheck: {test: [CMD-SHELL, pg_isready -U me]}}"}},
		{code: noCheck, found: "  web: {image: a:1, ports: [80]}\n  worker: {image: a:1}", at: "2 web ", near: []string{
			"  web: {image: a:1, ports: [80], healthcheck: {test: ok}}", "  worker: {image: a:1}", "  web: {image: \"vaultwarden/server:1\", ports: [80]}", "  web: {image: a:1, ports: [80], healthcheck: {disable: false}}", "  migrate: {image: a:1, expose: [80]}",
		}},
	}
}

func restarts() []ruleCase {
	return []ruleCase{
		{code: noRestart, found: "  web: {image: a:1, restart: always}\n  api: {image: a:1}", at: "3 api ", near: []string{
			"  web: {image: a:1, restart: unless-stopped}", "  web: {image: a:1, deploy: {restart_policy: {condition: any}}}", "  web: {image: a:1, restart: \"${R}\"}", "  base: {image: a:1}\n  web: {image: a:1, restart: always}",
			"  web: {image: a:1, restart: always, depends_on: {prep: {condition: service_completed_successfully}}}\n  prep: {image: a:1}", "  web: {image: a:1, restart: \"no\"}", "  web: {image: a:1, profiles: [tools]}", "  db-migrate: {image: a:1}",
			"  web: {extends: base}\n  base: {image: a:1, restart: always}", "  web: {image: a:1, scale: 0}", "  web: {environment: [A=b]}", "# stack\nservices:\n  web: {image: a:1}",
		}},
		{code: staysDown, found: "  web: {image: a:1, restart: \"no\", ports: [80]}", at: "2 restart web", near: []string{"  web: {image: a:1, restart: \"no\"}", "  web: {image: a:1, ports: [80]}", "  web: {image: a:1, restart: always, ports: [80]}"}},
		{code: staysDown, found: "  web: {image: a:1, restart: always, depends_on: [api]}\n  api: {image: a:1, restart: \"on-failure:3\"}", at: "3 restart api", near: []string{
			"  web: {image: a:1, restart: always, depends_on: {prep: {condition: service_completed_successfully}}}\n  prep: {image: a:1, restart: on-failure}",
		}},
		{code: staysDown, found: "  web: {image: a:1, restart: no, ports: [80]}", at: "2 restart web"},
		{code: allAtOnce, found: "  web: {image: a:1, ports: [\"80:80\"], deploy: {replicas: 3, update_config: {parallelism: 0}}}", at: "2 parallelism web", near: []string{
			"  web: {image: a:1, ports: [\"80:80\"], deploy: {replicas: 3, update_config: {parallelism: 2}}}", "  web: {image: a:1, ports: [\"80:80\"], deploy: {update_config: {order: start-first}}}", "  web: {image: a:1, ports: [\"80:80\"]}",
			"  db: {image: \"postgres:16\", ports: [\"80:80\"], deploy: {update_config: {delay: 5s}}}",
		}},
		{code: allAtOnce, found: "# stack\nservices:\n  web: {image: a:1, ports: [\"80:80\"]}", at: "3 web web"},
		{code: selfUpdating, found: "  up: {image: \"containrrr/watchtower:1\"}", at: "2 image up", near: []string{"  up: {image: \"containrrr/watchtower:1\", command: --monitor-only}", "  up: {image: \"containrrr/watchtower:1\", environment: {WATCHTOWER_MONITOR_ONLY: \"true\"}}"}},
	}
}

func habits() []ruleCase {
	return []ruleCase{
		{code: loneReplica, found: "  web: {image: a:1, ports: [\"80:80\"]}", at: "2 ports ", near: []string{
			"  web: {image: a:1, ports: [80], deploy: {replicas: 2}}", "  web: {image: a:1, expose: [80]}", "  db: {image: \"postgres:16\", ports: [\"5432:5432\"]}", "  web: {image: a:1, ports: [80], deploy: {mode: global}}",
			"  web1: {build: ./web, ports: [\"81:80\"]}\n  web2: {build: ./web, ports: [\"82:80\"]}", "  web: {image: a:1, ports: [80], deploy: {replicas: \"${N}\"}}",
		}},
		{code: movingImage, found: "  web: {image: nginx}", at: "2 nginx ", near: []string{
			"  web: {image: \"nginx:1.29\"}", "  web: {image: \"nginx:${TAG}\"}", "  web: {build: ., image: me/web}", "  web: {image: \"localhost:5000/web:1\"}", "  web: {image: \"nginx@sha256:0000000000000000000000000000000000000000000000000000000000000000\"}", "  db: {image: postgres}",
		}},
		{code: movingImage, found: "  web: {image: \"localhost:5000/web\"}", at: "2 \"localhost:5000/web\" "},
		{code: noMemoryLimit, found: "  web: {image: a:1}", at: "2 web ", near: []string{"  web: {image: a:1, mem_limit: 1g}", "  web: {image: a:1, deploy: {resources: {limits: {memory: 1G}}}}", "  web: {image: a:1, mem_limit: \"${MEM}\"}"}},
		{code: endlessLog, found: "  web: {image: a:1, logging: {driver: json-file}}", at: "2 web ", near: []string{"  web: {image: a:1, logging: {driver: local}}", "  web: {image: a:1, logging: {options: {max-size: 10m}}}", "x-l: &l {logging: {driver: journald}}\nservices:\n  web: {<<: *l, image: a:1}", "  web: {image: a:1, logging: {driver: \"${D}\"}}"}},
		{code: plainSecret, found: "  db: {image: a:1, environment: {POSTGRES_PASSWORD: hunter2}}", at: "2 POSTGRES_PASSWORD ", near: []string{
			"  db: {image: a:1, environment: {POSTGRES_PASSWORD: \"${PW}\", PASSWORD_FILE: /run/secrets/x, ALLOW_EMPTY_PASSWORD: \"yes\", DB_PASSWORD: \"\", API_KEY: , TOKEN_TTL: 5}}", "  db: {image: a:1, environment: [POSTGRES_PASSWORD, \"PASSWORD=${P:-dev}\", \"URL=http://user@db/x\"]}",
		}},
		{code: plainSecret, found: "  web: {image: a:1, environment: [\"DATABASE_URL=postgres://u:secret@db:5432/x\"]}", at: "2 \"DATABASE_URL=postgres://u:secret@db:5432/x\" "},
		{code: sharedFate, found: "  t: {image: a:1, volumes: [\"/var/run/docker.sock:/var/run/docker.sock:ro\"]}", at: "2 \"/var/run/docker.sock:/var/run/docker.sock:ro\" ", near: []string{"  t: {image: \"tecnativa/docker-socket-proxy:1\", privileged: true, volumes: [\"/var/run/docker.sock:/var/run/docker.sock\"]}", "  t: {image: a:1, volumes: [\"./docker.sock.d:/x\"], privileged: false}"}},
		{code: sharedFate, found: "  t: {image: a:1, privileged: \"yes\"}", at: "2 privileged "},
	}
}

// What x-holdfast accepts is handed on as the code and the thing it is of.
func TestWhatIsAcceptedIsHandedOn(t *testing.T) {
	const text = `x-holdfast:
  owner: shop-team
  accept:
    - {code: HF3145, reason: one service per host, until: 2027-03-31}
    - {code: HF3124, of: db, owner: data, reason: own network, until: 2027-03-31}
services:
  db: &db
    image: postgres:16
    ports: ["5432:5432"]
    x-holdfast:
      accept:
        - {code: HF3121, reason: test data, until: 2027-01-01}
  two: {<<: *db, ports: ["5433:5432"]}
`
	r, _ := review(text)
	judged := diagnostic.Accept(r, time.Date(2026, time.December, 1, 0, 0, 0, 0, time.UTC), append(Codes(), diagnostic.AcceptanceCodes()...))
	var by []string
	for _, a := range judged.Accepted {
		by = append(by, fmt.Sprintf("%s %s by %s", a.Problem.Code, a.Problem.Of, a.By.Owner))
	}
	slices.Sort(by)
	if want := []string{"HF3121 db by shop-team", "HF3121 two by shop-team", "HF3124 db by data", "HF3145  by shop-team"}; !slices.Equal(by, want) {
		t.Errorf("accepted %q, want %q", by, want)
	}
	for _, p := range judged.Problems {
		if p.Code < "HF3" {
			t.Errorf("%s: %s", p.Code, p.Message)
		}
	}
}

func TestTheSummarySaysWhatAloneTakesItDown(t *testing.T) {
	r, _ := review(`
  web: {image: a:1, ports: ["8080:80"], depends_on: [api, prep, mail]}
  api: {image: a:1, environment: {DATABASE_URL: "postgres://u@db:5432/x", CACHE_HOST: cache}, deploy: {replicas: 2}}
  prep: {image: a:1}
  mail: {image: a:1, depends_on: {relay1: {condition: service_started}, relay2: {condition: service_started, required: false}}}
  relay1: {image: r:1}
  relay2: {image: r:1}
  db: {image: "postgres:16"}
  cache: {image: "redis:7"}
  lonely: {image: a:1, ports: [9000]}
`)
	want := []string{
		"9 services with 10 replicas · 2 published · db keeps state",
		"8080 (web) goes down with any one of: its host · web · by depends_on mail, prep · by its environment db, cache",
		"some port for 9000 (lonely) goes down with any one of: its host · lonely",
	}
	if !slices.Equal(r.Summary, want) {
		t.Errorf("it says\n%s\nwant\n%s", strings.Join(r.Summary, "\n"), strings.Join(want, "\n"))
	}
}

func TestWhatCannotBeKnownIsSaid(t *testing.T) {
	r, _ := review(`
  web: {image: "a:${TAG}", env_file: [web.env, .env], extends: {file: common.yaml, service: web}}
  api: {environment: [A=b]}
`, "OTHER=1")
	said := strings.Join(r.Unknown, "\n")
	for _, want := range []string{"`TAG`", "`web.env` and `.env`", "`common.yaml`", "`api` has neither", "HEALTHCHECK", "daemon.json"} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %s:\n%s", want, said)
		}
	}
}
