package fault

import (
	"net/http"

	"holdfast"
	"holdfast/fault/proxy"
)

// Fail puts status 500 in place of every answer of the victim, but of those to
// its health check: a release that is broken and believes itself well.
func Fail() holdfast.Leased {
	return inPath{name: "fail", rule: proxy.Rule{Kind: proxy.Status, Status: http.StatusInternalServerError, Share: 1}, spares: true}
}
