package holdfast

import (
	"fmt"
	"strconv"
	"strings"
)

// ReplicaName names one copy of a service whatever its incarnation: "catalog-2".
type ReplicaName string

// An Incarnation counts the starts of one replica, from 1. It grows by one at
// each start and is never used twice within a state directory, so that a late
// message about a dead incarnation cannot be taken for one about the living.
type Incarnation uint64

// A ReplicaID tells one life of one copy from every other.
type ReplicaID struct {
	Service     ServiceName `json:"service"`
	Ordinal     int         `json:"ordinal"` // from 1
	Incarnation Incarnation `json:"incarnation"`
}

// Name is the replica's name, without the incarnation; of a service as a whole,
// the service's.
func (id ReplicaID) Name() ReplicaName {
	if id.Ordinal == 0 {
		return ReplicaName(id.Service)
	}
	return NameReplica(id.Service, id.Ordinal)
}

// String is "catalog-2#4", or "catalog" for the service as a whole, which has
// ordinal 0.
func (id ReplicaID) String() string {
	if id.Ordinal == 0 {
		return string(id.Service)
	}
	return string(id.Name()) + "#" + strconv.FormatUint(uint64(id.Incarnation), 10)
}

// NameReplica is the name of the n-th copy of a service, n from 1.
func NameReplica(service ServiceName, ordinal int) ReplicaName {
	return ReplicaName(string(service) + "-" + strconv.Itoa(ordinal))
}

// ParseReplicaID reads what String writes.
func ParseReplicaID(text string) (ReplicaID, error) {
	name, incarnation, ok := strings.Cut(text, "#")
	dash := strings.LastIndexByte(name, '-')
	if !ok || dash < 1 {
		return ReplicaID{}, fmt.Errorf("%q is not a replica: want service-ordinal#incarnation", text)
	}
	ordinal, err := strconv.Atoi(name[dash+1:])
	if err != nil || ordinal < 1 {
		return ReplicaID{}, fmt.Errorf("%q is not a replica: the ordinal must be a number from 1", text)
	}
	life, err := strconv.ParseUint(incarnation, 10, 64)
	if err != nil {
		return ReplicaID{}, fmt.Errorf("%q is not a replica: the incarnation must be a number", text)
	}
	return ReplicaID{Service: ServiceName(name[:dash]), Ordinal: ordinal, Incarnation: Incarnation(life)}, nil
}
