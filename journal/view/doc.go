// Package view folds entries of the journal into what people look at: the
// timeline, line by line, and the status as it is now. A view writes nothing,
// reads no file, knows no clock, and is the same whoever folds it.
package view
