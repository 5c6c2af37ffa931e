// Records as the directory reads them: what a project is stored as, and whole lists.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/task.h"
#include "store/store.h"

namespace carillon::pipeline {

// The record of a project: what it is besides its key.
struct ProjectRecord {
  std::string name;              // its key, for who reads the store by hand
  bool sandbox_default = false;  // nothing else was ever configured
  std::string title;             // for people; may be empty
};
ProjectRecord decode_project(const std::string& json);  // of damage: nothing is set
std::string encode_project(const ProjectRecord& project);

// All records of one kind of one project (0: of the installation), in order of their keys. Errors: those of
// the store.
Task<Result<std::vector<store::Record>>> all_records(store::Store& store, std::string kind,
                                                     std::int32_t project);

}  // namespace carillon::pipeline
