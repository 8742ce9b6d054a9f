"""What Clarity calls the types of its rows and the lines of its preamble, in the languages of its exports."""

from connectors.files.table import plain_words

FIRST = plain_words("FirstName|First Name|Vorname|Nombre|Prénom|Nome|Voornaam|Fornavn|Förnamn|Etunimi|Imię|Jméno|"
                    "Keresztnév|Ad|名|이름|שם פרטי")  # fmt: skip
LAST = plain_words("LastName|Last Name|Nachname|Apellido|Apellidos|Nom|Cognome|Sobrenome|Apelido|Achternaam|Etternavn|"
                   "Efternavn|Efternamn|Sukunimi|Nazwisko|Příjmení|Vezetéknév|Soyadı|姓|성|שם משפחה")  # fmt: skip
SENSOR = plain_words("EGV|VGE|CEG|Niveles estimados de glucosa|Estimated Glucose Value")
CALIBRATION = plain_words("Calibration|Calibración|Kalibrierung|Étalonnage|Calibrage|Calibrazione|Kalibratie|"
                          "Calibração|Kalibrering|Kalibrace|Kalibracja|Kalibrointi|Kalibráció|Kalibrasyon|Kalibrácia|"
                          "キャリブレーション|較正|校准|校正|보정|כיול")  # fmt: skip
CARBS = plain_words("Carbs|Carbohydrates|Kohlenhydrate|Carbohidratos|Hidratos de carbono|Glucides|Carboidrati|"
                    "Koolhydraten|Kulhydrater|Karbohydrater|Kolhydrater|Hiilihydraatit|Węglowodany|Sacharidy|"
                    "Szénhidrát|Karbonhidrat|炭水化物|食事|碳水化合物|탄수화물|Meal|Mahlzeit|Comida|"
                    "Repas|Pasto|Maaltijd")  # fmt: skip
INSULIN = plain_words(
    "Insulin|Insulina|Insuline|Insuliini|Inzulin|Inzulín|İnsülin|インスリン|胰岛素|胰島素|인슐린|אינסולין"
)
EXERCISE = plain_words("Exercise|Activity|Bewegung|Training|Aktivität|Ejercicio|Actividad|Exercice|Activité|Esercizio|"
                       "Attività|Beweging|Activiteit|Exercício|Atividade|Motion|Træning|Aktivitet|Liikunta|Ćwiczenia|"
                       "Cvičení|運動|活動|运动|운동")  # fmt: skip
HEALTH = plain_words("Health|Gesundheit|Salud|Santé|Salute|Gezondheid|Saúde|Helbred|Helse|Hälsa|Terveys|Zdrowie|Zdraví|"
                     "健康|건강")  # fmt: skip
ENTERED = plain_words("Fasting Glucose|Nüchternglukose|Nüchtern-Glukose|Glucosa en ayunas|Glycémie à jeun|"
                      "Glucose à jeun|Glucosio a digiuno|Nuchtere glucose|Glicose em jejum|Fastende glukose|"
                      "空腹時グルコース")  # fmt: skip
"""A value that a person entered: no sensor measured it."""
PREAMBLE = plain_words("Device|Alert|Sensor|DateOfBirth|Date of Birth|Gerät|Alarm|Warnung|Dispositivo|Alerta|Appareil|"
                       "Alerte|デバイス|アラート")  # fmt: skip
