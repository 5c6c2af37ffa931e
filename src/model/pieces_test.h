// Texts for properties of what tokenises.
#pragma once

#include <rapidcheck.h>

#include <string>
#include <vector>

namespace carillon::model {

// Text made of pieces that the tokeniser has to look at.
inline rc::Gen<std::string> pieces(std::vector<std::string> from) {
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(std::move(from))),
                      [](const std::vector<std::string>& parts) {
                        std::string out;
                        for (const std::string& part : parts) out += part;
                        return out;
                      });
}

}  // namespace carillon::model
