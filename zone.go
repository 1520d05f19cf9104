package holdfast

// ZoneName names a failure domain: things in one zone may fail together.
type ZoneName string
