package compose

import (
	"slices"
	"strings"
	"time"
)

// A store is what an image is known to keep. The zero store keeps nothing.
type store struct {
	called   string   // as its makers call it; "" for what is no store
	images   []string // names on Docker Hub or elsewhere, without tags
	folders  []string // where its data is unless it is told otherwise
	declared bool     // the image makes its folder a volume of its own
	ports    []uint32 // that no user of the system speaks to
	cache    bool     // what it holds may be lost, unless it is told to keep it
	broker   bool     // it hands on what others must not lose
	quick    bool     // it starts and stops at once
	starts   time.Duration
	asks     string // a health check that asks only itself
}

// stores are the images that keep data, with what their pages on Docker Hub and
// their Dockerfiles say: the folder ("Where to Store Data", VOLUME), the port
// (EXPOSE). starts is how long a first start takes before it answers, on the
// short side; none is given for what answers within seconds.
func stores() []store {
	return slices.Concat(relational(), others(), brokers())
}

func relational() []store {
	return []store{
		// docker-library/postgres: VOLUME /var/lib/postgresql/data until 17,
		// /var/lib/postgresql from 18 on (docker-library/postgres#1259).
		{called: "PostgreSQL", images: []string{"postgres", "postgis/postgis", "pgvector/pgvector", "timescale/timescaledb", "citusdata/citus", "supabase/postgres"},
			folders: []string{"/var/lib/postgresql/data"}, declared: true, ports: []uint32{5432}, asks: `["CMD-SHELL", "pg_isready -U postgres"]`},
		{called: "PostgreSQL", images: []string{"bitnami/postgresql", "bitnamilegacy/postgresql"}, folders: []string{"/bitnami/postgresql"}, declared: true, ports: []uint32{5432}, asks: `["CMD-SHELL", "pg_isready -U postgres"]`},
		// The first start of MySQL creates its tables and answers on a socket
		// only meanwhile: docker-library/docs mysql, "No connections until MySQL
		// init completes".
		{called: "MySQL", images: []string{"mysql", "mysql/mysql-server", "percona", "percona/percona-server"}, folders: []string{"/var/lib/mysql"}, declared: true, ports: []uint32{3306, 33060},
			starts: 20 * time.Second, asks: `["CMD-SHELL", "mysqladmin ping -h 127.0.0.1 --silent"]`},
		{called: "MariaDB", images: []string{"mariadb"}, folders: []string{"/var/lib/mysql"}, declared: true, ports: []uint32{3306}, starts: 15 * time.Second, asks: `["CMD", "healthcheck.sh", "--connect", "--innodb_initialized"]`},
		{called: "MySQL", images: []string{"bitnami/mysql", "bitnamilegacy/mysql"}, folders: []string{"/bitnami/mysql"}, declared: true, ports: []uint32{3306}, starts: 20 * time.Second},
		{called: "MariaDB", images: []string{"bitnami/mariadb", "bitnamilegacy/mariadb"}, folders: []string{"/bitnami/mariadb"}, declared: true, ports: []uint32{3306}, starts: 15 * time.Second},
		{called: "SQL Server", images: []string{"mssql/server"}, folders: []string{"/var/opt/mssql"}, ports: []uint32{1433}, starts: 20 * time.Second},
		{called: "CockroachDB", images: []string{"cockroachdb/cockroach"}, folders: []string{"/cockroach/cockroach-data"}, ports: []uint32{26257}},
		{called: "ClickHouse", images: []string{"clickhouse/clickhouse-server", "clickhouse", "yandex/clickhouse-server"}, folders: []string{"/var/lib/clickhouse"}, declared: true, ports: []uint32{9000},
			asks: `["CMD", "clickhouse-client", "--query", "SELECT 1"]`},
	}
}

func others() []store {
	return []store{
		{called: "MongoDB", images: []string{"mongo"}, folders: []string{"/data/db"}, declared: true, ports: []uint32{27017}, asks: `["CMD", "mongosh", "--quiet", "--eval", "db.adminCommand('ping')"]`},
		{called: "MongoDB", images: []string{"bitnami/mongodb", "bitnamilegacy/mongodb"}, folders: []string{"/bitnami/mongodb"}, declared: true, ports: []uint32{27017}},
		{called: "Redis", images: []string{"redis", "redis/redis-stack", "redis/redis-stack-server", "redislabs/redismod", "bitnami/redis", "bitnamilegacy/redis"}, folders: []string{"/data", "/bitnami/redis/data"},
			ports: []uint32{6379}, cache: true, asks: `["CMD", "redis-cli", "ping"]`},
		{called: "Valkey", images: []string{"valkey/valkey", "bitnami/valkey"}, folders: []string{"/data", "/bitnami/valkey/data"}, ports: []uint32{6379}, cache: true, asks: `["CMD", "valkey-cli", "ping"]`},
		{called: "memcached", images: []string{"memcached", "bitnami/memcached"}, ports: []uint32{11211}, cache: true},
		{called: "Elasticsearch", images: []string{"elasticsearch", "elasticsearch/elasticsearch", "bitnami/elasticsearch"}, folders: []string{"/usr/share/elasticsearch/data", "/bitnami/elasticsearch/data"},
			ports: []uint32{9200, 9300}, starts: 20 * time.Second, asks: `["CMD-SHELL", "curl -s localhost:9200 >/dev/null"]`},
		{called: "OpenSearch", images: []string{"opensearchproject/opensearch"}, folders: []string{"/usr/share/opensearch/data"}, ports: []uint32{9200, 9300}, starts: 20 * time.Second},
		{called: "Cassandra", images: []string{"cassandra", "bitnami/cassandra"}, folders: []string{"/var/lib/cassandra", "/bitnami/cassandra"}, declared: true, ports: []uint32{9042}, starts: 40 * time.Second},
		{called: "Neo4j", images: []string{"neo4j"}, folders: []string{"/data"}, declared: true, ports: []uint32{7687}},
		{called: "CouchDB", images: []string{"couchdb"}, folders: []string{"/opt/couchdb/data"}, declared: true, ports: []uint32{5984}},
		{called: "InfluxDB", images: []string{"influxdb"}, folders: []string{"/var/lib/influxdb", "/var/lib/influxdb2", "/var/lib/influxdb3"}, declared: true},
		{called: "Meilisearch", quick: true, images: []string{"getmeili/meilisearch"}, folders: []string{"/meili_data"}},
		{called: "Qdrant", quick: true, images: []string{"qdrant/qdrant"}, folders: []string{"/qdrant/storage"}},
		// Where these keep their data is an argument of theirs.
		{called: "MinIO", quick: true, images: []string{"minio/minio", "bitnami/minio"}},
		{called: "etcd", quick: true, images: []string{"coreos/etcd", "etcd-development/etcd", "bitnami/etcd"}, ports: []uint32{2379, 2380}},
	}
}

func brokers() []store {
	return []store{
		{called: "RabbitMQ", images: []string{"rabbitmq", "bitnami/rabbitmq"}, folders: []string{"/var/lib/rabbitmq", "/bitnami/rabbitmq"}, declared: true, ports: []uint32{5672, 4369, 25672}, broker: true,
			starts: 10 * time.Second, asks: `["CMD", "rabbitmq-diagnostics", "-q", "ping"]`},
		{called: "Kafka", images: []string{"apache/kafka", "confluentinc/cp-kafka", "bitnami/kafka", "bitnamilegacy/kafka", "wurstmeister/kafka"}, broker: true, starts: 10 * time.Second},
		{called: "ZooKeeper", quick: true, images: []string{"zookeeper", "confluentinc/cp-zookeeper", "bitnami/zookeeper", "wurstmeister/zookeeper"}, broker: true},
	}
}

// storeOf finds what an image keeps: by its name, or, for the copy of one in
// another registry, by a last part that no other software has.
func storeOf(i image) store {
	if i.name == "" {
		return store{}
	}
	for _, s := range stores() {
		if slices.Contains(s.images, i.name) {
			return s
		}
	}
	for _, s := range stores() {
		if slices.Contains(s.images, i.last()) && !strings.Contains(i.last(), "/") {
			s.folders = nil // whose copy it is may have moved them
			return s
		}
	}
	return store{}
}

// isStore says that something is kept that must not be lost.
func (s store) isStore() bool { return s.called != "" && !s.cache }

// plainImages have no HEALTHCHECK, by the rule of those who make them
// (docker-library/faq, "Healthcheck"): a check is in the Compose file or
// nowhere.
func plainImages() []string {
	return []string{"postgres", "mysql", "mariadb", "mongo", "redis", "rabbitmq", "memcached", "cassandra", "nginx", "httpd", "haproxy", "caddy", "traefik", "elasticsearch", "neo4j", "zookeeper", "wordpress", "ghost", "redmine",
		"drupal", "joomla", "tomcat", "jetty", "php", "python", "node", "golang", "ruby", "alpine", "debian", "ubuntu", "busybox", "eclipse-mosquitto", "influxdb"}
}

// checkedImages bring a HEALTHCHECK along, by their Dockerfiles.
func checkedImages() []string {
	return []string{"goauthentik/server", "paperless-ngx/paperless-ngx", "immich-app/immich-server", "immich-app/immich-machine-learning", "immich-app/postgres", "vaultwarden/server",
		"gitlab/gitlab-ce", "gitlab/gitlab-ee", "louislam/uptime-kuma", "pihole/pihole", "jellyfin/jellyfin"}
}
